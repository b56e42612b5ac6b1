import { ipv4FromBytes, ipv4ToBytes } from './ipv4.js';

/** Option codes this server reads or writes: RFC 2132 unless said otherwise. */
export const option = {
  subnetMask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  broadcastAddress: 28,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterList: 55,
  message: 56,
  maxMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServerName: 66,
  bootFileName: 67,
  /** RFC 3004. */
  userClass: 77,
  /** RFC 3046. */
  relayAgent: 82,
  /** RFC 4578: client system architecture, network interface, machine identifier. */
  clientArchitecture: 93,
  clientInterface: 94,
  clientMachine: 97,
  /** iPXE's own encapsulated options; its presence is how it is known. */
  ipxe: 175,
} as const;

/** RFC 2132 section 9.6. */
export const messageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

export type MessageTypeName = keyof typeof messageType;

/** Option values by code, in the order they came or shall go out. */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

/** The readers answer undefined when the option is absent or has a length its RFC does not allow. */
export const readU8 = (options: DhcpOptions, code: number): number | undefined => readUint(options, code, 1);
export const readU16 = (options: DhcpOptions, code: number): number | undefined => readUint(options, code, 2);
export const readU32 = (options: DhcpOptions, code: number): number | undefined => readUint(options, code, 4);

export function readAddress(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}

/** Text up to the first zero byte (RFC 2132 section 2: clients may terminate strings), one character per byte. */
export function readText(options: DhcpOptions, code: number): string | undefined {
  const value = options.get(code);
  return value && textFromBytes(value);
}

export function readMessageType(options: DhcpOptions): MessageTypeName | undefined {
  const number = readU8(options, option.messageType);
  return typeNames.find((name) => messageType[name] === number);
}

const typeNames = Object.keys(messageType) as MessageTypeName[];

function readUint(options: DhcpOptions, code: number, bytes: number): number | undefined {
  const value = options.get(code);
  return value?.length === bytes ? value.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

export const u8 = (value: number): Uint8Array => new Uint8Array([value & 0xff]);

/** Seconds and the like: values above 32 bits become the largest, which RFC 2131 section 3.3 reads as infinity. */
export function u32(value: number): Uint8Array {
  const capped = Math.min(Math.max(0, Math.floor(value)), 0xffff_ffff);
  return new Uint8Array([24, 16, 8, 0].map((shift) => (capped >>> shift) & 0xff));
}

export const address = (value: string): Uint8Array => ipv4ToBytes(value);

export const addressList = (values: readonly string[]): Uint8Array =>
  new Uint8Array(values.flatMap((value) => Array.from(ipv4ToBytes(value))));

export function textToBytes(value: string): Uint8Array {
  return Uint8Array.from(value, (character) => character.charCodeAt(0) & 0xff);
}

export function textFromBytes(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}
