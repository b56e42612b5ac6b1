import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  clientFlags,
  infoData,
  option,
  request,
  type ClientRequest,
} from '../../../protocols/test/support/nbd-client.js';
import { createReplyReader, type Expected, type Reply } from './replies.js';

/** A client that says just what a test wants, over a real connection. */
export interface RawClient {
  readonly socket: Socket;
  /** The socket, or TLS on top of it. */
  readonly stream: Duplex;
  /** Everything that has come and was not taken. */
  readonly received: () => Buffer;
  /** Resolves when the server has hung up. */
  readonly closed: Promise<void>;
  send(...bytes: Uint8Array[]): void;
  /** The next so many bytes. */
  take(length: number): Promise<Buffer>;
  close(): void;
}

export async function rawClient(port: number, localAddress = '127.0.0.1'): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  return rawOver(socket, socket);
}

/** The same over a stream on top of the socket. */
export function rawOver(socket: Socket, stream: Duplex): RawClient {
  let buffer = Buffer.alloc(0);
  let wake: (() => void) | undefined;
  let gone = stream.destroyed;
  stream.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk]);
    wake?.();
  });
  const closed = new Promise<void>((resolve) => {
    if (gone) resolve();
    stream.once('close', () => {
      gone = true;
      wake?.();
      resolve();
    });
  });
  return {
    socket,
    stream,
    received: () => buffer,
    closed,
    send: (...bytes) => void stream.write(Buffer.concat(bytes)),
    async take(length) {
      while (buffer.length < length) {
        if (gone) throw new Error(`the server hung up; ${buffer.length} of ${length} bytes have come`);
        await new Promise<void>((resolve) => (wake = resolve));
      }
      const taken = buffer.subarray(0, length);
      buffer = buffer.subarray(length);
      return taken;
    },
    close: () => void socket.destroy(),
  };
}

/** Reads option replies up to one of the final ones; resolves with their types. */
export async function optionTypes(client: RawClient): Promise<number[]> {
  const types: number[] = [];
  for (;;) {
    const header = await client.take(20);
    if (header.readBigUInt64BE(0) !== 0x3e889045565a9n) throw new Error('no option reply');
    const type = header.readUInt32BE(12);
    await client.take(header.readUInt32BE(16));
    types.push(type);
    if (type === 1 || type >= 2 ** 31) return types;
  }
}

export interface ServedClient extends RawClient {
  /** Sends requests; resolves with their replies, in the order they came. */
  ask(...requests: ClientRequest[]): Promise<Reply[]>;
}

/** A client in its transmission phase, with simple replies. */
export async function servedClient(port: number, name: string, localAddress?: string): Promise<ServedClient> {
  const client = await rawClient(port, localAddress);
  await client.take(18);
  client.send(clientFlags(3), option(7, infoData(name)));
  const types = await optionTypes(client);
  if (types.at(-1) !== 1) throw new Error(`the export was refused: ${types.join(' ')}`);
  const reads = new Map<bigint, Expected>();
  const parse = createReplyReader(reads);
  return {
    ...client,
    async ask(...requests) {
      for (const { type, cookie = 0n, offset = 0, length = 0 } of requests) {
        if (type === 0) reads.set(cookie, { offset: Number(offset), length });
      }
      client.send(...requests.map(request));
      const replies: Reply[] = [];
      while (replies.length < requests.length)
        replies.push(...parse(await client.take(Math.max(1, client.received().length))));
      return replies;
    },
  };
}
