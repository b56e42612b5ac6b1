/**
 * DHCP messages: bytes to values and back. RFC 2131 section 2 (header), RFC 2132 (options, 9.3 overload),
 * RFC 3396 (long options). Decoding is total: any bytes give a message or a `DhcpDecodeError`, never an exception.
 */
import { ipv4FromBytes, ipv4ToBytes } from './ipv4.js';
import { option, textFromBytes, textToBytes, type DhcpOptions } from './options.js';

export interface DhcpMessage {
  readonly op: 'request' | 'reply';
  /** Hardware type (1 is Ethernet) and address length, as they came. */
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  /** Transaction, unsigned 32 bits. */
  readonly xid: number;
  /** Seconds since the client began, by its own account. */
  readonly secs: number;
  /** 0x8000 asks for answers by broadcast. */
  readonly flags: number;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** All 16 bytes of the field. */
  readonly chaddr: Uint8Array;
  /** Server name and boot file fields, up to the first zero byte; empty where they carry options (overload). */
  readonly sname: string;
  readonly file: string;
  /** Without pad, end and overload; the parts of a long option joined. */
  readonly options: DhcpOptions;
}

export interface DhcpDecodeError {
  readonly reason: 'too-short' | 'bad-op' | 'bad-hardware-length' | 'no-cookie' | 'option-overrun';
  readonly message: string;
}

export type DhcpDecoded =
  { readonly ok: true; readonly message: DhcpMessage } | { readonly ok: false; readonly error: DhcpDecodeError };

export const broadcastFlag = 0x8000;
/** RFC 2131 figure 1, and the cookie of section 3. */
const headerBytes = 236;
const cookie = [99, 130, 83, 99];
const snameAt = 44;
const fileAt = 108;
/** Relays and old clients drop BOOTP messages below 300 bytes (RFC 1542 section 2.1). */
const minReplyBytes = 300;
const pad = 0;
const end = 255;
const ops = { request: 1, reply: 2 } as const;

const refuse = (reason: DhcpDecodeError['reason'], message: string): DhcpDecoded => ({
  ok: false,
  error: { reason, message },
});

export function decodeDhcp(bytes: Uint8Array): DhcpDecoded {
  if (bytes.length < headerBytes + cookie.length) {
    return refuse('too-short', `a DHCP message has at least ${headerBytes + cookie.length} bytes, not ${bytes.length}`);
  }
  const op = bytes[0] === ops.request ? 'request' : bytes[0] === ops.reply ? 'reply' : undefined;
  if (!op) return refuse('bad-op', `op is ${bytes[0]}, not 1 or 2`);
  const hlen = bytes[2]!;
  if (hlen > 16) return refuse('bad-hardware-length', `hardware address length is ${hlen}, the field has 16 bytes`);
  if (cookie.some((byte, i) => bytes[headerBytes + i] !== byte)) {
    return refuse('no-cookie', 'the DHCP magic cookie is missing: plain BOOTP or no DHCP at all');
  }
  const parsed = parseAllOptions(bytes);
  if (!parsed) return refuse('option-overrun', 'an option is longer than the field it stands in');
  const field = (at: number, length: number, holdsOptions: boolean): string =>
    holdsOptions ? '' : textFromBytes(bytes.subarray(at, at + length));
  return {
    ok: true,
    message: {
      op,
      htype: bytes[1]!,
      hlen,
      hops: bytes[3]!,
      xid: ((bytes[4]! << 24) | (bytes[5]! << 16) | (bytes[6]! << 8) | bytes[7]!) >>> 0,
      secs: (bytes[8]! << 8) | bytes[9]!,
      flags: (bytes[10]! << 8) | bytes[11]!,
      ciaddr: ipv4FromBytes(bytes, 12),
      yiaddr: ipv4FromBytes(bytes, 16),
      siaddr: ipv4FromBytes(bytes, 20),
      giaddr: ipv4FromBytes(bytes, 24),
      chaddr: bytes.slice(28, snameAt),
      sname: field(snameAt, 64, parsed.inSname),
      file: field(fileAt, 128, parsed.inFile),
      options: parsed.options,
    },
  };
}

interface ParsedOptions {
  readonly options: Map<number, Uint8Array>;
  readonly inFile: boolean;
  readonly inSname: boolean;
}

/** The options field, then `file`, then `sname`, as option 52 says (RFC 2131 section 4.1). */
function parseAllOptions(bytes: Uint8Array): ParsedOptions | undefined {
  const parts = new Map<number, Uint8Array[]>();
  if (!collectOptions(bytes.subarray(headerBytes + cookie.length), parts)) return undefined;
  const overload = parts.get(option.overload)?.[0]?.[0] ?? 0;
  const inFile = (overload & 1) !== 0;
  const inSname = (overload & 2) !== 0;
  if (inFile && !collectOptions(bytes.subarray(fileAt, fileAt + 128), parts)) return undefined;
  if (inSname && !collectOptions(bytes.subarray(snameAt, snameAt + 64), parts)) return undefined;
  parts.delete(option.overload);
  const options = new Map([...parts].map(([code, values]) => [code, concatenate(values)]));
  return { options, inFile, inSname };
}

/** Adds the options of one field to `parts`; false when one runs over its end. A missing end mark is forgiven. */
function collectOptions(field: Uint8Array, parts: Map<number, Uint8Array[]>): boolean {
  let at = 0;
  while (at < field.length) {
    const code = field[at]!;
    if (code === end) return true;
    at += 1;
    if (code === pad) continue;
    const length = field[at];
    if (length === undefined || at + 1 + length > field.length) return false;
    const value = field.slice(at + 1, at + 1 + length);
    const known = parts.get(code);
    if (known) known.push(value);
    else parts.set(code, [value]);
    at += 1 + length;
  }
  return true;
}

/** RFC 3396 section 7: the parts of an option in the order they appear. */
function concatenate(values: readonly Uint8Array[]): Uint8Array {
  if (values.length === 1) return values[0]!;
  const joined = new Uint8Array(values.reduce((sum, value) => sum + value.length, 0));
  let at = 0;
  for (const value of values) {
    joined.set(value, at);
    at += value.length;
  }
  return joined;
}

/**
 * Bytes of a message, at least 300 of them. Message type goes first, as RFC 2131 recommends, relay information last
 * (RFC 3046 section 2.2), the others in the order of the map; a value above 255 bytes is split (RFC 3396).
 * @throws RangeError when an address is no dotted quad: a fault of the caller.
 */
export function encodeDhcp(message: DhcpMessage): Uint8Array {
  const options = encodeOptions(message.options);
  const bytes = new Uint8Array(Math.max(minReplyBytes, headerBytes + cookie.length + options.length));
  bytes.set([ops[message.op], message.htype, message.hlen, message.hops]);
  bytes.set(
    [24, 16, 8, 0].map((shift) => (message.xid >>> shift) & 0xff),
    4,
  );
  bytes.set([message.secs >> 8, message.secs & 0xff, message.flags >> 8, message.flags & 0xff], 8);
  bytes.set(ipv4ToBytes(message.ciaddr), 12);
  bytes.set(ipv4ToBytes(message.yiaddr), 16);
  bytes.set(ipv4ToBytes(message.siaddr), 20);
  bytes.set(ipv4ToBytes(message.giaddr), 24);
  bytes.set(message.chaddr.subarray(0, 16), 28);
  bytes.set(textToBytes(message.sname.slice(0, 64)), snameAt);
  bytes.set(textToBytes(message.file.slice(0, 128)), fileAt);
  bytes.set(cookie, headerBytes);
  bytes.set(options, headerBytes + cookie.length);
  return bytes;
}

function encodeOptions(options: DhcpOptions): Uint8Array {
  const rank = (code: number): number => (code === option.messageType ? 0 : code === option.relayAgent ? 2 : 1);
  const ordered = [...options].sort(([a], [b]) => rank(a) - rank(b));
  const parts: Uint8Array[] = [];
  for (const [code, value] of ordered) {
    if (code === pad || code === end || code === option.overload) continue;
    let at = 0;
    do {
      const part = value.subarray(at, at + 255);
      parts.push(Uint8Array.of(code, part.length), part);
      at += 255;
    } while (at < value.length);
  }
  parts.push(Uint8Array.of(end));
  return concatenate(parts);
}

/** `e4:5f:01:09:02:f7`: the hardware address in lower case, as many bytes as `hlen` says. */
export function hardwareAddress(message: Pick<DhcpMessage, 'chaddr' | 'hlen'>): string {
  return Array.from(message.chaddr.subarray(0, message.hlen), (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
