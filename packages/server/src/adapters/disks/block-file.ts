import { close, constants, fdatasync, fstat, ftruncate, open, read, readv, write, writev } from 'node:fs';
import { promisify } from 'node:util';
import type { BlockFile, BlockSource } from '@drover/disk-image';
import { createCalls, type Calls } from './calls.js';
import { fileError } from './file-error.js';
import type { FileLock } from './file-lock.js';
import type { Gate } from './gate.js';
import type { HolePuncher } from './hole-puncher.js';
import { readCached } from './page-cache.js';

/**
 * Files for disks, over the callbacks of node:fs. FileHandle's promises cost more CPU for small reads and writes (docs/decisions/0004).
 */
export interface BlockFileDeps {
  /** Lets only so many slow calls into the thread pool at once, so that reads are not kept waiting by syncs. */
  slow: Gate;
  lock: FileLock;
  /** Absent where holes cannot be made. */
  puncher: HolePuncher | undefined;
}

export interface OpenBlockFileOptions {
  /** Makes the file, which must not be there yet. */
  create?: boolean;
  /** Keeps the file from being opened by another process, or once more by this one, and waits so long for it, in ms. */
  lockWaitMs?: number;
}

const openFile = promisify(open);
const statFile = promisify(fstat);
const closeFile = promisify(close);

/** The kernel takes at most so many pieces at once (IOV_MAX). */
const mostPieces = 1024;

/**
 * Opens a file for reading and writing, readable by this user only. Rejects with the system's error: ELOOP for a symbolic link, EEXIST, ENOENT;
 * EBUSY when it is locked. Later calls reject with ENOSPC and the like, saying which file system is full. `close` waits for calls under way;
 * later ones reject with EBADF.
 */
export async function openBlockFile(
  path: string,
  deps: BlockFileDeps,
  { create = false, lockWaitMs }: OpenBlockFileOptions = {},
): Promise<BlockFile> {
  const flags = constants.O_RDWR | constants.O_NOFOLLOW | (create ? constants.O_CREAT | constants.O_EXCL : 0);
  const fd = await openFile(path, flags, 0o600).catch((error: unknown) => Promise.reject(fileError(error, path)));
  return orClose(fd, async () => {
    const isOurs = lockWaitMs === undefined || (await deps.lock.take(fd, lockWaitMs));
    if (!isOurs) throw busy(path);
    return createBlockFile(path, fd, await sizeOf(path, fd), deps);
  });
}

/** Opens a file that does not change for reading. Rejects with the system's error. */
export async function openBlockSource(path: string): Promise<BlockSource & { close(): Promise<void> }> {
  const fd = await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  return orClose(fd, async () => {
    const size = await sizeOf(path, fd);
    const calls = createCalls(path);
    return {
      size,
      readInto: (offset, target) => calls.run(() => readFully(fd, offset, target)),
      ...readingNow(fd, calls),
      close: async () => {
        await calls.end();
        await closeFile(fd);
      },
    };
  });
}

async function orClose<T>(fd: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await closeFile(fd);
    throw error;
  }
}

async function sizeOf(path: string, fd: number): Promise<number> {
  const stat = await statFile(fd);
  if (stat.isFile()) return stat.size;
  throw Object.assign(new Error(`${path} is not a regular file`), { code: 'EINVAL' });
}

const busy = (path: string): Error =>
  Object.assign(new Error(`${path} is in use: another server has this disk open, or one that was killed still ends`), {
    code: 'EBUSY',
  });

function createBlockFile(path: string, fd: number, initialSize: number, { slow, puncher }: BlockFileDeps): BlockFile {
  let size = initialSize;
  const calls = createCalls(path);
  const change = <T>(work: () => Promise<T>): Promise<T> =>
    calls.run(work).catch((error: unknown) => Promise.reject(fileError(error, path)));
  const file: BlockFile = {
    get size() {
      return size;
    },
    readInto: (offset, target) => calls.run(() => readFully(fd, offset, target)),
    write: (offset, bytes) =>
      change(async () => {
        const end = await writeFully(fd, offset, bytes);
        if (end > size) size = end;
      }),
    datasync: () => change(() => slow.run(() => callFile((done) => fdatasync(fd, done)))),
    truncate: async (length) => {
      await change(() => slow.run(() => callFile((done) => ftruncate(fd, length, done))));
      size = length;
    },
    close: async () => {
      await calls.end();
      await closeFile(fd);
    },
  };
  Object.assign(file, readingNow(fd, calls));
  if (puncher !== undefined) file.punch = (ranges) => calls.run(() => puncher.punch(fd, ranges));
  return file;
}

function readingNow(fd: number, calls: Calls): Pick<BlockSource, 'readNow'> {
  const read = readCached;
  return read === undefined ? {} : { readNow: (offset, target) => !calls.isOver && read(fd, offset, target) };
}

const callFile = (call: (done: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => call((error) => (error === null ? resolve() : reject(error))));

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
    const count = await new Promise<number>((resolve, reject) => {
      readv(fd, group, at, (error, length) => (error === null ? resolve(length) : reject(error)));
    });
    await readRest(fd, at, group, count);
    at += lengthOf(group);
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
function writeFully(fd: number, offset: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<number> {
  return bytes instanceof Uint8Array ? writeOne(fd, offset, bytes) : writeMany(fd, offset, bytes);
}

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
  for (let rest = pieces; rest.length > 0;) {
    const group = rest.slice(0, mostPieces);
    const count = await new Promise<number>((resolve, reject) => {
      writev(fd, group, at, (error, length) => (error === null ? resolve(length) : reject(error)));
    });
    rest = [...behind(group, count), ...rest.slice(mostPieces)];
    at += count;
  }
  return at;
}

/** What is left of these pieces behind so many bytes. */
function behind(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  return pieces.flatMap((piece) => {
    const done = Math.min(skip, piece.length);
    skip -= done;
    return done === piece.length ? [] : [piece.subarray(done)];
  });
}
