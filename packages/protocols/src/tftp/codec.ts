/**
 * TFTP packets: bytes to values and back. RFC 1350 (packets), RFC 2347 (option extension and OACK).
 * Decoding is total: any bytes give a value or a `TftpDecodeError`, never an exception.
 */

/** One option of a request or an OACK. `name` is lower case: RFC 2347 section 2 compares names without case. */
export interface TftpOption {
  readonly name: string;
  readonly value: string;
}

/** RRQ or WRQ. `filename` and `mode` hold one character per byte (latin-1); `mode` is lower case. */
export interface TftpRequest {
  readonly op: 'rrq' | 'wrq';
  readonly filename: string;
  readonly mode: string;
  readonly options: readonly TftpOption[];
}

export type TftpPacket =
  | TftpRequest
  | { readonly op: 'data'; readonly block: number; readonly data: Uint8Array }
  | { readonly op: 'ack'; readonly block: number }
  | { readonly op: 'error'; readonly code: number; readonly message: string }
  | { readonly op: 'oack'; readonly options: readonly TftpOption[] };

export interface TftpDecodeError {
  readonly reason: 'too-short' | 'too-long' | 'unknown-opcode' | 'unterminated' | 'empty-filename';
  readonly message: string;
}

export type TftpDecoded =
  { readonly ok: true; readonly packet: TftpPacket } | { readonly ok: false; readonly error: TftpDecodeError };

/** RFC 1350 section 5 and appendix. */
export const opcode = { rrq: 1, wrq: 2, data: 3, ack: 4, error: 5, oack: 6 } as const;

/** RFC 1350 appendix; 8 is RFC 2347 section 4. */
export const errorCode = {
  undefined: 0,
  notFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransfer: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionRefused: 8,
} as const;

/** RFC 2347 section 2: a request packet has at most 512 octets. */
export const maxRequestBytes = 512;
/** An error text longer than this says nothing to a boot loader; it is cut when encoded. */
const maxErrorText = 500;

const refuse = (reason: TftpDecodeError['reason'], message: string): TftpDecoded => ({
  ok: false,
  error: { reason, message },
});

/** Reads any TFTP packet. `data` of a DATA packet is a view into `bytes`. */
export function decodeTftp(bytes: Uint8Array): TftpDecoded {
  if (bytes.length < 4) return refuse('too-short', `a TFTP packet has at least 4 bytes, this one ${bytes.length}`);
  const op = uint16(bytes, 0);
  switch (op) {
    case opcode.rrq:
      return decodeRequest('rrq', bytes);
    case opcode.wrq:
      return decodeRequest('wrq', bytes);
    case opcode.data:
      return { ok: true, packet: { op: 'data', block: uint16(bytes, 2), data: bytes.subarray(4) } };
    case opcode.ack:
      return { ok: true, packet: { op: 'ack', block: uint16(bytes, 2) } };
    case opcode.error:
      return { ok: true, packet: { op: 'error', code: uint16(bytes, 2), message: errorText(bytes) } };
    case opcode.oack: {
      const strings = splitStrings(bytes);
      if (!strings) return refuse('unterminated', 'the last string of the OACK has no terminating zero byte');
      return { ok: true, packet: { op: 'oack', options: pairOptions(strings, 0) } };
    }
    default:
      return refuse('unknown-opcode', `opcode ${op} is none of 1 to 6`);
  }
}

function decodeRequest(op: 'rrq' | 'wrq', bytes: Uint8Array): TftpDecoded {
  if (bytes.length > maxRequestBytes) {
    return refuse('too-long', `a request has at most ${maxRequestBytes} bytes (RFC 2347), this one ${bytes.length}`);
  }
  const strings = splitStrings(bytes);
  if (!strings || strings.length < 2) return refuse('unterminated', 'file name or mode has no terminating zero byte');
  const filename = strings[0]!;
  if (filename === '') return refuse('empty-filename', 'the file name is empty');
  const mode = asciiLower(strings[1]!);
  return { ok: true, packet: { op, filename, mode, options: pairOptions(strings, 2) } };
}

/** Zero-terminated strings from offset 2 to the end, or undefined when the last one is not terminated. */
function splitStrings(bytes: Uint8Array): string[] | undefined {
  const strings: string[] = [];
  let start = 2;
  for (let at = 2; at < bytes.length; at += 1) {
    if (bytes[at] !== 0) continue;
    strings.push(latin1(bytes, start, at));
    start = at + 1;
  }
  return start === bytes.length ? strings : undefined;
}

/**
 * Name and value pairs. An empty name ends the list (some ROMs pad requests with zeroes), a name without a value is
 * dropped, and of a name given twice the first counts: RFC 2347 section 2 allows each option once.
 */
function pairOptions(strings: readonly string[], first: number): TftpOption[] {
  const options: TftpOption[] = [];
  for (let i = first; i + 1 < strings.length; i += 2) {
    const name = asciiLower(strings[i]!);
    if (name === '') break;
    if (!options.some((option) => option.name === name)) options.push({ name, value: strings[i + 1]! });
  }
  return options;
}

/** The text of an ERROR. A missing terminator is forgiven: firmware leaves it out, and nothing depends on it. */
function errorText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0, 4);
  return latin1(bytes, 4, end < 0 ? bytes.length : end);
}

/**
 * Bytes of a packet.
 * @throws RangeError when a string has a zero or a character above U+00FF, or a number is no 16-bit value: a fault of
 * the caller, never of a peer.
 */
export function encodeTftp(packet: TftpPacket): Uint8Array {
  switch (packet.op) {
    case 'rrq':
    case 'wrq':
      return join(opcode[packet.op], [packet.filename, packet.mode, ...flatten(packet.options)]);
    case 'oack':
      return join(opcode.oack, flatten(packet.options));
    case 'ack':
      return header(opcode.ack, packet.block, 0);
    case 'data': {
      const bytes = header(opcode.data, packet.block, packet.data.length);
      bytes.set(packet.data, 4);
      return bytes;
    }
    case 'error': {
      const text = packet.message.slice(0, maxErrorText);
      const bytes = header(opcode.error, packet.code, text.length + 1);
      putString(bytes, 4, text);
      return bytes;
    }
  }
}

const flatten = (options: readonly TftpOption[]): string[] => options.flatMap(({ name, value }) => [name, value]);

function join(op: number, strings: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(strings.reduce((sum, text) => sum + text.length + 1, 2));
  bytes[1] = op;
  let at = 2;
  for (const text of strings) at = putString(bytes, at, text);
  // RFC 2347's grammar has no packet shorter than an opcode and two bytes; an empty OACK is padded to stay readable.
  return bytes.length < 4 ? new Uint8Array([0, op, 0, 0]) : bytes;
}

function header(op: number, second: number, extra: number): Uint8Array {
  if (!Number.isInteger(second) || second < 0 || second > 0xffff) throw new RangeError(`${second} is no 16-bit number`);
  const bytes = new Uint8Array(4 + extra);
  bytes[1] = op;
  bytes[2] = second >> 8;
  bytes[3] = second & 0xff;
  return bytes;
}

function putString(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0 || code > 0xff) throw new RangeError(`character ${code} cannot be sent in a TFTP string`);
    bytes[at + i] = code;
  }
  return at + text.length + 1;
}

/** Lower case of A to Z only, so that the result encodes to the same number of bytes. */
const asciiLower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i += 1) text += String.fromCharCode(bytes[i]!);
  return text;
}
