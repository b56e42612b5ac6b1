/** Takes the bytes of one file as they come: keeps them or not, hashes them or not. */
import { createHash } from 'node:crypto';

export interface ByteSink {
  /** Expected length, as the server announced it; only a hint. */
  expect(length: number): void;
  write(chunk: Buffer): void;
  readonly size: number;
  /** Ends the hash; may be called once. */
  finish(): { readonly bytes?: Buffer; readonly sha256?: string };
}

/** A server's announcement may be a lie, so no more than this is set aside because of it. */
const largestTrust = 64 * 1024 * 1024;

const createMemory = () => {
  let store = Buffer.alloc(0);
  return {
    reserve: (length: number, used: number): void => {
      if (length <= store.length) return;
      const larger = Buffer.allocUnsafe(length);
      store.copy(larger, 0, 0, used);
      store = larger;
    },
    put: (chunk: Buffer, at: number): void => {
      chunk.copy(store, at);
    },
    capacity: (): number => store.length,
    upTo: (size: number): Buffer => store.subarray(0, size),
  };
};

export const createSink = (options: { readonly keep: boolean; readonly hash: boolean }): ByteSink => {
  const memory = options.keep ? createMemory() : undefined;
  const hash = options.hash ? createHash('sha256') : undefined;
  let size = 0;
  return {
    expect: (length) => memory?.reserve(Math.min(length, largestTrust), size),
    write: (chunk) => {
      if (memory !== undefined) {
        if (size + chunk.length > memory.capacity())
          memory.reserve(Math.max(4096, memory.capacity() * 2, size + chunk.length), size);
        memory.put(chunk, size);
      }
      hash?.update(chunk);
      size += chunk.length;
    },
    get size() {
      return size;
    },
    finish: () => ({
      ...(memory === undefined ? {} : { bytes: memory.upTo(size) }),
      ...(hash === undefined ? {} : { sha256: hash.digest('hex') }),
    }),
  };
};
