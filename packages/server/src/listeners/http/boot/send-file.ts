import { open, type FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { FileSource, Segment } from '../../../domain/boot-plan.js';
import type { BufferPool } from './buffer-pool.js';
import type { FairLine } from './fair-line.js';

export interface SendDeps {
  readonly pool: BufferPool;
  /** Where a blob's bytes are on this machine. Throws when it is not there. */
  readonly localPath: (digest: string) => string;
  /** What all downloads share; undefined: each as fast as it can. */
  readonly line?: FairLine | undefined;
  /** Told of bytes as they are handed to a socket. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface Sent {
  /** Bytes handed to the socket. */
  readonly bytes: number;
  /** False: the client went away, or the file could not be read. */
  readonly complete: boolean;
  readonly fault?: unknown;
}

/**
 * Sends bytes `start` to `end` (included) of a file as the body of a response whose head was written. Blobs are read in large pieces into two buffers in
 * turn: while one is written the next is read, and no memory is allocated on the way. That is what makes it cheap: see bench/RESULTS.md.
 */
export async function sendFile(
  response: ServerResponse,
  file: FileSource,
  start: number,
  end: number,
  deps: SendDeps,
): Promise<Sent> {
  const sender = new Sender(response, deps);
  try {
    let at = 0;
    for (const segment of file.segments) {
      const from = Math.max(start - at, 0);
      const to = Math.min(end + 1 - at, segment.length);
      if (from < to) await sender.segment(segment, from, to);
      at += segment.length;
      if (at > end) break;
    }
    await sender.finish();
    return { bytes: sender.bytes, complete: true };
  } catch (fault) {
    response.destroy();
    const isGone = fault instanceof ClientGone;
    return { bytes: sender.bytes, complete: false, ...(isGone ? {} : { fault }) };
  } finally {
    sender.release();
  }
}

class ClientGone extends Error {}

class Sender {
  bytes = 0;
  private readonly response: ServerResponse;
  private readonly deps: SendDeps;
  private readonly buffers: [Buffer, Buffer];
  private turn = 0;
  /** The write under way; its buffer must not be touched before it is done. */
  private writing: Promise<void> = Promise.resolve();

  constructor(response: ServerResponse, deps: SendDeps) {
    this.response = response;
    this.deps = deps;
    this.buffers = [deps.pool.take(), deps.pool.take()];
  }

  async segment(segment: Segment, from: number, to: number): Promise<void> {
    if ('inline' in segment) return this.bytesOf(Buffer.from(segment.inline, 'base64').subarray(from, to));
    if ('zero' in segment) return this.zeros(to - from);
    const handle = await open(this.deps.localPath(segment.blob), 'r');
    try {
      await this.blob(handle, segment.offset + from, to - from);
    } finally {
      await handle.close();
    }
  }

  private async blob(handle: FileHandle, offset: number, length: number): Promise<void> {
    let done = 0;
    while (done < length) {
      const buffer = this.nextBuffer();
      const { line } = this.deps;
      const wanted = Math.min(buffer.length, line?.piece ?? Infinity, length - done);
      await line?.pass(wanted);
      // The buffer that is filled now is not the one being written.
      const { bytesRead } = await handle.read(buffer, 0, wanted, offset + done);
      if (bytesRead === 0) throw new Error('a blob is shorter than it should be');
      await this.write(buffer.subarray(0, bytesRead));
      done += bytesRead;
    }
  }

  private async zeros(length: number): Promise<void> {
    for (let done = 0; done < length;) {
      const piece = this.nextBuffer()
        .subarray(0, Math.min(this.buffers[0].length, length - done))
        .fill(0);
      await this.write(piece);
      done += piece.length;
    }
  }

  private bytesOf(bytes: Buffer): Promise<void> {
    return this.write(bytes);
  }

  private nextBuffer(): Buffer {
    this.turn ^= 1;
    return this.buffers[this.turn as 0 | 1];
  }

  /** Waits for the write before this one, then begins this one. */
  private async write(piece: Buffer): Promise<void> {
    await this.writing;
    if (this.response.destroyed || this.response.socket?.destroyed !== false) throw new ClientGone();
    this.writing = new Promise((resolve, reject) => {
      this.response.write(piece, (error) => (error ? reject(new ClientGone()) : resolve()));
    });
    // Whoever waits for it next hears of a failure; until then it is nobody's.
    this.writing.catch(() => undefined);
    this.bytes += piece.length;
    this.deps.onBytes?.(piece.length);
  }

  async finish(): Promise<void> {
    await this.writing;
    await new Promise<void>((resolve, reject) => {
      this.response.once('close', () => (this.response.writableFinished ? resolve() : reject(new ClientGone())));
      this.response.end(() => resolve());
    });
  }

  /** Gives the buffers back once nothing can be reading them. */
  release(): void {
    const give = (): void => this.buffers.forEach((buffer) => this.deps.pool.give(buffer));
    void this.writing.then(give, give);
  }
}
