import { close, constants, fdatasync, fstat, ftruncate, open, read, readv, write, writev } from 'node:fs';
import { promisify } from 'node:util';
import type { BlockFile, BlockSource } from '@drover/disk-image';
import type { Gate } from './gate.js';
import type { HolePuncher } from './hole-puncher.js';

/**
 * Files for disks, over the callbacks of node:fs. FileHandle's promises cost twice the CPU for small reads and writes (docs/decisions/0004).
 */
export interface BlockFileDeps {
  /** Lets only so many slow calls into the thread pool at once, so that reads are not kept waiting by syncs. */
  slow: Gate;
  /** Absent where holes cannot be made. */
  puncher: HolePuncher | undefined;
}

export interface OpenBlockFileOptions {
  /** Makes the file, which must not be there yet. */
  create?: boolean;
}

const openFile = promisify(open);
const statFile = promisify(fstat);
const closeFile = promisify(close);

/** The kernel takes at most so many pieces at once (IOV_MAX). */
const mostPieces = 1024;

/** Opens a file for reading and writing, readable by this user only. Rejects with the system's error. */
export async function openBlockFile(
  path: string,
  deps: BlockFileDeps,
  { create = false }: OpenBlockFileOptions = {},
): Promise<BlockFile> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | (create ? constants.O_CREAT | constants.O_EXCL : 0);
  const fd = await openFile(path, flags, 0o600);
  const { size } = await statFile(fd);
  return createBlockFile(fd, size, deps);
}

/** Opens a file that does not change for reading. */
export async function openBlockSource(path: string): Promise<BlockSource & { close(): Promise<void> }> {
  const fd = await openFile(path, constants.O_RDONLY);
  const { size } = await statFile(fd);
  return { size, readInto: (offset, target) => readFully(fd, offset, target), close: () => closeFile(fd) };
}

function createBlockFile(fd: number, initialSize: number, { slow, puncher }: BlockFileDeps): BlockFile {
  let size = initialSize;
  const file: BlockFile = {
    get size() {
      return size;
    },
    readInto: (offset, target) => readFully(fd, offset, target),
    write: async (offset, bytes) => {
      const end = await (bytes instanceof Uint8Array ? writeOne(fd, offset, bytes) : writeMany(fd, offset, bytes));
      if (end > size) size = end;
    },
    datasync: () =>
      slow.run(
        () => new Promise((resolve, reject) => fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))),
      ),
    truncate: (length) =>
      slow.run(
        () =>
          new Promise((resolve, reject) =>
            ftruncate(fd, length, (error) => {
              if (error !== null) return reject(error);
              size = length;
              resolve();
            }),
          ),
      ),
    close: () => closeFile(fd),
  };
  if (puncher !== undefined) file.punch = (ranges) => puncher.punch(fd, ranges);
  return file;
}

/** Reads all of it; the rest behind the end of the file is zeros. */
function readFully(fd: number, offset: number, target: Uint8Array | readonly Uint8Array[]): Promise<void> {
  return target instanceof Uint8Array ? readOne(fd, offset, target) : readMany(fd, offset, target);
}

function readOne(fd: number, offset: number, target: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const step = (done: number): void => {
      read(fd, target, done, target.length - done, offset + done, (error, count) => {
        if (error !== null) return reject(error);
        if (count === 0) target.fill(0, done);
        if (count === 0 || done + count === target.length) return resolve();
        step(done + count);
      });
    };
    step(0);
  });
}

async function readMany(fd: number, offset: number, targets: readonly Uint8Array[]): Promise<void> {
  for (let first = 0, at = offset; first < targets.length; first += mostPieces) {
    const group = targets.slice(first, first + mostPieces);
    const wanted = lengthOf(group);
    const count = await new Promise<number>((resolve, reject) => {
      readv(fd, group, at, (error, length) => (error === null ? resolve(length) : reject(error)));
    });
    if (count < wanted) await readRest(fd, at, group, count);
    at += wanted;
  }
}

/** Fills what one call has left: pieces behind what it read. */
async function readRest(fd: number, offset: number, targets: readonly Uint8Array[], done: number): Promise<void> {
  let at = 0;
  for (const target of targets) {
    const there = Math.max(0, Math.min(target.length, done - at));
    if (there < target.length) await readOne(fd, offset + at + there, target.subarray(there));
    at += target.length;
  }
}

const lengthOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

/** Writes all of it and returns where it ends. */
function writeOne(fd: number, offset: number, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const step = (done: number): void => {
      write(fd, bytes, done, bytes.length - done, offset + done, (error, count) => {
        if (error !== null) return reject(error);
        if (done + count >= bytes.length) return resolve(offset + bytes.length);
        step(done + count);
      });
    };
    step(0);
  });
}

async function writeMany(fd: number, offset: number, pieces: readonly Uint8Array[]): Promise<number> {
  let at = offset;
  for (let first = 0; first < pieces.length; first += mostPieces) {
    const group = pieces.slice(first, first + mostPieces);
    const count = await new Promise<number>((resolve, reject) => {
      writev(fd, group, at, (error, length) => (error === null ? resolve(length) : reject(error)));
    });
    const wanted = lengthOf(group);
    if (count < wanted) await writeOne(fd, at + count, Buffer.concat(group).subarray(count));
    at += wanted;
  }
  return at;
}
