/**
 * Datagrams of logs: bytes to values. Linux netconsole (Documentation/networking/netconsole.rst) in its extended format, which has the header of /dev/kmsg
 * (Documentation/ABI/testing/dev-kmsg), and plain text, which is what netconsole's basic format is and what the bootloader of a Raspberry Pi sends.
 * Decoding is total: what has no header is text.
 */

/** A record of the kernel's log, or a piece of one. */
export interface KernelRecord {
  readonly kind: 'record';
  /** 0 (emergency) to 7 (debug). */
  readonly level: number;
  readonly facility: number;
  readonly sequence: number;
  /** Microseconds since the kernel started. */
  readonly uptimeUs: number;
  /** A line is put together of this record and those that follow. */
  readonly continues: boolean;
  /** Undefined: the body is whole. In bytes. */
  readonly fragment: { readonly offset: number; readonly total: number } | undefined;
  /** As sent, with its escapes. */
  readonly body: Uint8Array;
}

export type LogDatagram = KernelRecord | { readonly kind: 'text'; readonly bytes: Uint8Array };

/** `[release,]priority,sequence,microseconds,flags[,key=value...];`. The release is there with CONFIG_NETCONSOLE_PREPEND_RELEASE. */
const header =
  /^(?:[A-Za-z0-9.+~_-]{1,64},)?(\d{1,5}),(\d{1,16}),(\d{1,16}),([-c+]{1,2})((?:,[A-Za-z]+=[^,;]{0,64}){0,8});/;
const longestHeader = 512;
const fragmentOf = /,ncfrag=(\d{1,6})\/(\d{1,6})(?:,|$)/;

/** Reads any datagram. `body` and `bytes` are views into it. */
export function decodeLog(datagram: Uint8Array): LogDatagram {
  const text = { kind: 'text', bytes: datagram } as const;
  const match = header.exec(latin1(datagram.subarray(0, longestHeader)));
  if (match === null) return text;
  const [whole, priority = '', sequence = '', microseconds = '', flags = '', more = ''] = match;
  const [number, uptimeUs] = [Number(sequence), Number(microseconds)];
  if (!Number.isSafeInteger(number + 1) || !Number.isSafeInteger(uptimeUs)) return text;
  const [, offset, total] = fragmentOf.exec(more) ?? [];
  return {
    kind: 'record',
    level: Number(priority) & 7,
    facility: Number(priority) >> 3,
    sequence: number,
    uptimeUs,
    continues: flags.includes('c') || flags.includes('+'),
    fragment:
      offset === undefined || total === undefined ? undefined : { offset: Number(offset), total: Number(total) },
    body: datagram.subarray(whole.length),
  };
}

/**
 * The text of a whole body: its first line without the escapes (`\x0a`), as bytes. Lines that follow it are a dictionary (SUBSYSTEM=, DEVICE=, user data).
 */
export function bodyBytes(body: Uint8Array): Uint8Array {
  const end = body.indexOf(0x0a);
  const line = end < 0 ? body : body.subarray(0, end);
  const out = new Uint8Array(line.length);
  let length = 0;
  for (let at = 0; at < line.length; at += 1) {
    const code = escapeAt(line, at);
    out[length] = code ?? line[at]!;
    length += 1;
    if (code !== undefined) at += 3;
  }
  return out.subarray(0, length);
}

/** The byte that `\xNN` stands for. */
function escapeAt(line: Uint8Array, at: number): number | undefined {
  if (line[at] !== 0x5c || line[at + 1] !== 0x78) return undefined;
  const digits = latin1(line.subarray(at + 2, at + 4));
  return /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
