import type { BlockStatus, DiskView, Qcow2Disk } from '@drover/disk-image';
import type { DiskContent, DiskExport, DiskExtent, Soon, WriteZeroes } from '../../app/disks/ports.js';

export interface ExportFacts {
  /** What logs and events call it. */
  readonly label: string;
  /** For a person, shown to any client that asks. */
  readonly description?: string;
  /** The connection is gone and all its calls are over. */
  readonly release: () => void | Promise<void>;
}

/** Any offset and length will do; a page is what clients of block devices ask for anyway. */
const blockSize = { minimum: 1, preferred: 4096, maximum: 32 << 20 } as const;

/** Stretches told of at once: 8 KiB in a reply. A client asks again for the rest. */
const mostExtents = 1024;

/** Bytes read ahead for one CACHE, and at a time. What is beyond is not worth pushing other things out. */
const mostCached = 32 << 20;
const cachedAtOnce = 1 << 20;

/** What is only read: an image that many boards stream, a disk that many boards share. */
export function createImageExport(view: DiskView, { release, ...facts }: ExportFacts): DiskExport {
  return {
    ...facts,
    size: view.size,
    readOnly: true,
    canMultiConn: true,
    blockSize,
    ...readingFrom(view),
    close: async () => release(),
  };
}

/**
 * A disk of its own, as one connection uses it. Connections to the same disk may come and go: a flush on one covers what was answered on any,
 * because all of them share the disk.
 */
export function createDiskExport(disk: Qcow2Disk, { release, ...facts }: ExportFacts): DiskExport {
  return {
    ...facts,
    // A client learns the size when it connects. Beyond what a smaller disk has it is refused.
    size: disk.size,
    readOnly: false,
    canMultiConn: true,
    blockSize,
    ...readingFrom(disk),
    write: (offset, bytes, fua) => explained(disk.write(offset, bytes, { fua })),
    flush: () => explained(disk.flush()),
    trim: (offset, length, fua) => explained(disk.trim(offset, length, { fua })),
    writeZeroes: (offset, length, how) => writeZeroes(disk, offset, length, how),
    close: async () => release(),
  };
}

type Reading = Pick<Required<DiskExport>, 'read' | 'write' | 'cache' | 'blockStatus'>;

function readingFrom(view: DiskView): Reading {
  return {
    read: (offset, length, memory) => read(view, offset, length, memory),
    write: () => Promise.reject(Object.assign(new Error('the disk is read-only'), { code: 'EROFS' })),
    cache: (offset, length) => explained(readAhead(view, offset, Math.min(length, mostCached))),
    blockStatus: (offset, length, one) => {
      const found = attempt(() => view.status(offset, length, one ? 1 : mostExtents));
      return found instanceof Promise ? explained(found.then(extentsOf)) : extentsOf(found);
    },
  };
}

function read(view: DiskView, offset: number, length: number, memory: Uint8Array | undefined): Soon<DiskContent> {
  return attempt<Soon<DiskContent>>(() => {
    if (length > 0 && view.knownZero(offset, length)) return [{ zeroes: length }];
    const bytes = view.read(offset, length, memory);
    return bytes instanceof Promise ? explained(bytes) : bytes;
  });
}

async function readAhead(view: DiskView, offset: number, length: number): Promise<void> {
  for (let at = offset; at < offset + length; at += cachedAtOnce) {
    await view.read(at, Math.min(cachedAtOnce, offset + length - at));
  }
}

const extentsOf = (found: readonly BlockStatus[]): DiskExtent[] =>
  found.map(({ length, zero, hole }) => ({ length, flags: (hole ? 1 : 0) + (zero ? 2 : 0) }));

/** Clusters are made zero as such; parts of clusters, and zeros that shall keep their space, cost as much as a write. */
async function writeZeroes(disk: Qcow2Disk, offset: number, length: number, how: WriteZeroes): Promise<void> {
  const { fua, noHole, fast } = how;
  if (fast && (noHole || !disk.zeroesFast(offset, length))) {
    throw Object.assign(new Error('zeros are no faster than a write there'), { code: 'ENOTSUP' });
  }
  await explained(disk.writeZeroes(offset, length, { fua, noHole }));
}

/** What clients are told of refusals of the disk; the rest is EIO, or has the system's code already. */
const codes: ReadonlyMap<unknown, string> = new Map([
  ['image.qcow2.full', 'ENOSPC'],
  ['image.qcow2.range', 'EINVAL'],
  ['image.qcow2.closed', 'ESHUTDOWN'],
]);

function explain(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? codes.get(error.code) : undefined;
  return code === undefined ? error : Object.assign(new Error((error as Error).message, { cause: error }), { code });
}

const explained = <T>(promise: Promise<T>): Promise<T> =>
  promise.catch((error: unknown) => {
    throw explain(error);
  });

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explain(error);
  }
}
