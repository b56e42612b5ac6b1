/** What a client says and hears, written from proto.md alone: it shares no code with the server under test. */

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

export function bytesOf(...parts: (Uint8Array | readonly number[] | string)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(typeof part === 'string' ? ascii(part) : part)));
}

const big = (value: number | bigint, length: number): number[] =>
  Array.from({ length }, (_, i) => Number((BigInt(value) >> BigInt(8 * (length - 1 - i))) & 0xffn));
export const u16 = (value: number): number[] => big(value, 2);
export const u32 = (value: number): number[] => big(value, 4);
export const u64 = (value: number | bigint): number[] => big(value, 8);

export const clientFlags = (flags: number): Uint8Array => bytesOf(u32(flags));

export const option = (type: number, data: Uint8Array = new Uint8Array()): Uint8Array =>
  bytesOf('IHAVEOPT', u32(type), u32(data.length), data);

export const infoData = (name: string, information: readonly number[] = []): Uint8Array =>
  bytesOf(u32(ascii(name).length), name, u16(information.length), information.flatMap(u16));

export const metaData = (name: string, queries: readonly string[]): Uint8Array =>
  bytesOf(
    u32(ascii(name).length),
    name,
    u32(queries.length),
    queries.flatMap((query) => [...u32(ascii(query).length), ...ascii(query)]),
  );

export interface ClientRequest {
  readonly type: number;
  readonly flags?: number;
  readonly cookie?: bigint;
  readonly offset?: number | bigint;
  readonly length?: number;
  readonly payload?: Uint8Array;
}

export function request({ type, flags = 0, cookie = 0n, offset = 0, length = 0, payload }: ClientRequest): Uint8Array {
  const size = payload?.length ?? length;
  return bytesOf(u32(0x25609513), u16(flags), u16(type), u64(cookie), u64(offset), u32(size), payload ?? []);
}

export interface OptionReply {
  readonly option: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** Whole option replies; throws when the bytes are anything else. */
export function optionReplies(bytes: Uint8Array): OptionReply[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const replies: OptionReply[] = [];
  for (let at = 0; at < bytes.length;) {
    if (view.getBigUint64(at) !== 0x3e889045565a9n) throw new Error(`no option reply at ${at}`);
    const length = view.getUint32(at + 16);
    if (at + 20 + length > bytes.length) throw new Error('an option reply is cut off');
    replies.push({
      option: view.getUint32(at + 8),
      type: view.getUint32(at + 12),
      data: bytes.slice(at + 20, at + 20 + length),
    });
    at += 20 + length;
  }
  return replies;
}

export interface Chunk {
  readonly flags: number;
  readonly type: number;
  readonly cookie: bigint;
  readonly payload: Uint8Array;
}

/** One structured reply chunk; throws when the bytes are anything else. */
export function chunk(bytes: Uint8Array): Chunk {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x668e33ef) throw new Error('no structured reply');
  if (view.getUint32(16) !== bytes.length - 20) throw new Error('the length of the chunk is wrong');
  return {
    flags: view.getUint16(4),
    type: view.getUint16(6),
    cookie: view.getBigUint64(8),
    payload: bytes.slice(20),
  };
}
