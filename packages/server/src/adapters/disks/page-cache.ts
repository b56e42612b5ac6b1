import type koffi from 'koffi';

/** Fills the target from the file's pages that are in memory; false when it cannot be filled at once. Some of it may be filled then. */
export type ReadCached = (fd: number, offset: number, target: Uint8Array) => boolean;

/** preadv2(2): do not wait for data which is not immediately available. */
const RWF_NOWAIT = 8;
/** More is copied by a thread: this one serves others. 256 KiB take about 30 µs. */
const mostBytes = 256 << 10;

type Preadv2 = (fd: number, iov: Uint8Array, count: number, offset: number, flags: number) => number;

/**
 * Undefined where the system has no such call. Node reads files through a thread, which for 4 KiB that are in memory costs ten times the read
 * (docs/decisions/0009).
 */
export const readCached = createReadCached(
  await import('koffi').then(({ default: found }) => found).catch(() => undefined),
);

function createReadCached(ffi: typeof koffi | undefined): ReadCached | undefined {
  const preadv2 = ffi === undefined ? undefined : load(ffi);
  if (ffi === undefined || preadv2 === undefined) return undefined;
  // struct iovec: address and length.
  const words = new BigUint64Array(2);
  const iov = new Uint8Array(words.buffer);
  return (fd, offset, target) => {
    if (target.length > mostBytes) return false;
    words[0] = ffi.address(target);
    words[1] = BigInt(target.length);
    return preadv2(fd, iov, 1, offset, RWF_NOWAIT) === target.length;
  };
}

function load(ffi: typeof koffi): Preadv2 | undefined {
  // On 32 bits both structures have other shapes.
  if (process.platform !== 'linux' || ffi.sizeof('void *') !== 8) return undefined;
  try {
    return ffi.load(null).func('preadv2', 'int64', ['int', 'void *', 'int', 'int64', 'int']);
  } catch {
    // Old C libraries do not have it.
    return undefined;
  }
}
