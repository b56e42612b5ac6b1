import type { BlockStatus, DiskView } from '@drover/disk-image';
import type { DiskExport, DiskExtent, Soon } from '../ports.js';
import type { HeldDisk, HeldImage } from '../pool.js';

/** 4 KiB are what guests write at least; a cluster of a disk is filled from what lies below when a part of it is written. */
const blockSize = { minimum: 1, preferred: 4096, maximum: 32 << 20 } as const;

/** Stretches that one answer tells of: a few kilobytes. */
const mostExtents = 1024;

/** Flags of NBD's metadata context `base:allocation` (proto.md, "base:allocation" metadata context). */
const isHole = 1;
const isZero = 2;

const extentOf = ({ length, zero, hole }: BlockStatus): DiskExtent => ({
  length,
  flags: (hole ? isHole : 0) | (zero ? isZero : 0),
});

const reading = (view: DiskView): Pick<DiskExport, 'read' | 'blockStatus'> => ({
  read: (offset, length) => (view.knownZero(offset, length) ? [{ zeroes: length }] : view.read(offset, length)),
  blockStatus: (offset, length, one): Soon<DiskExtent[]> => {
    const found = view.status(offset, length, one ? 1 : mostExtents);
    return found instanceof Promise ? found.then((all) => all.map(extentOf)) : found.map(extentOf);
  },
});

/** The system has no such call, or it would be no faster than writing. */
class NotSupported extends Error {
  readonly code = 'ENOTSUP';
}

/** A disk as boards attach it. A flush covers what any of its connections has written, because all of them are one disk here. */
export function diskExport(label: string, held: HeldDisk): DiskExport {
  const { disk } = held;
  return {
    ...reading(disk),
    label,
    size: disk.size,
    readOnly: false,
    canMultiConn: true,
    blockSize,
    write: (offset, bytes, fua) => disk.write(offset, bytes, { fua }),
    flush: () => disk.flush(),
    trim: (offset, length, fua) => disk.trim(offset, length, { fua }),
    writeZeroes: (offset, length, { fua, noHole, fast }) => {
      if (fast && noHole) throw new NotSupported('zeros that keep their room are written as data');
      return disk.writeZeroes(offset, length, { fua, noHole });
    },
    close: () => held.release(),
  };
}

/** An image to read, shared by all boards that run it. */
export function imageExport(label: string, held: HeldImage): DiskExport {
  const { view } = held;
  return {
    ...reading(view),
    label,
    size: view.size,
    readOnly: true,
    canMultiConn: true,
    blockSize,
    write: () => {
      throw Object.assign(new Error('an image is read only'), { code: 'EPERM' });
    },
    close: () => held.release(),
  };
}
