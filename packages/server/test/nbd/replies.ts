/** One reply of the transmission phase, all its chunks together. */
export interface Reply {
  readonly cookie: bigint;
  /** 0 for success. */
  readonly error: number;
  /** Of a structured error. */
  readonly message?: string;
  /** What a READ brought, holes spelled out. */
  readonly data: Buffer;
  /** Types of the structured chunks; empty for a simple reply. */
  readonly chunks: readonly number[];
  /** Length and flags of each extent. */
  readonly extents: readonly (readonly [number, number])[];
}

/** A READ that is waited for: a simple reply does not say whether data follow. */
export interface Expected {
  readonly offset: number;
  readonly length: number;
}

interface Open {
  chunks: number[];
  error: number;
  message?: string;
  extents: [number, number][];
  data: Buffer;
}

/** Reads a server's replies from a stream of bytes, by proto.md alone. */
export function createReplyReader(reads: ReadonlyMap<bigint, Expected>): (bytes: Uint8Array) => Reply[] {
  let buffer = Buffer.alloc(0);
  const open = new Map<bigint, Open>();

  const take = (): Reply | 'more' | undefined => {
    if (buffer.length < 16) return 'more';
    const magic = buffer.readUInt32BE(0);
    if (magic === 0x67446698) return simple();
    if (magic !== 0x668e33ef) throw new Error(`no reply begins with ${magic.toString(16)}`);
    return buffer.length < 20 || buffer.length < 20 + buffer.readUInt32BE(16) ? 'more' : structured();
  };
  const simple = (): Reply | 'more' => {
    const error = buffer.readUInt32BE(4);
    const cookie = buffer.readBigUInt64BE(8);
    const length = error === 0 ? (reads.get(cookie)?.length ?? 0) : 0;
    if (buffer.length < 16 + length) return 'more';
    const data = Buffer.from(buffer.subarray(16, 16 + length));
    buffer = buffer.subarray(16 + length);
    return { cookie, error, data, chunks: [], extents: [] };
  };
  const structured = (): Reply | undefined => {
    const [flags, type, cookie] = [buffer.readUInt16BE(4), buffer.readUInt16BE(6), buffer.readBigUInt64BE(8)];
    const payload = Buffer.from(buffer.subarray(20, 20 + buffer.readUInt32BE(16)));
    buffer = buffer.subarray(20 + payload.length);
    const read = reads.get(cookie);
    const reply = open.get(cookie) ?? { chunks: [], error: 0, extents: [], data: Buffer.alloc(read?.length ?? 0) };
    open.set(cookie, reply);
    reply.chunks.push(type);
    apply(reply, type, payload, read?.offset ?? 0);
    if (flags !== 1) return undefined;
    open.delete(cookie);
    return { cookie, ...reply };
  };

  return (bytes) => {
    buffer = Buffer.concat([buffer, bytes]);
    const replies: Reply[] = [];
    for (let reply = take(); reply !== 'more'; reply = take()) if (reply) replies.push(reply);
    return replies;
  };
}

function apply(reply: Open, type: number, payload: Buffer, start: number): void {
  const at = type === 1 || type === 2 ? Number(payload.readBigUInt64BE(0)) - start : 0;
  if (type === 1) payload.copy(reply.data, at, 8);
  else if (type === 2) reply.data.fill(0, at, at + payload.readUInt32BE(8));
  else if (type === 5) {
    for (let i = 4; i < payload.length; i += 8)
      reply.extents.push([payload.readUInt32BE(i), payload.readUInt32BE(i + 4)]);
  } else if (type >= 0x8000) {
    reply.error = payload.readUInt32BE(0);
    reply.message = payload.toString('utf8', 6, 6 + payload.readUInt16BE(4));
  } else if (type !== 0 || payload.length > 0) throw new Error(`a chunk of type ${type}`);
}
