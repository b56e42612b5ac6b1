import {
  createQcow2,
  createTableCache,
  openQcow2,
  rawView,
  uncached,
  type DiskView,
  type Extent,
  type Qcow2Disk,
  type Qcow2Environment,
} from '../../../src/index.js';
import { MemoryFile } from './memory-file.js';

export const kib = 1024;

/** What the engine is given from outside, on the first boot of a machine unless told otherwise. */
export function environmentOf(bootId = 'boot-1'): Qcow2Environment {
  let sessions = 0;
  return {
    tables: createTableCache({ bytes: 1024 * kib }),
    bootId,
    randomHex: (bytes) => (sessions += 1).toString(16).padStart(bytes * 2, '0'),
  };
}

/** Bytes of which each sector differs from its neighbours, and none is zero. */
export function patternOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 512) bytes.fill(1 + (((at >>> 9) + seed) % 255), at, at + 512);
  return bytes;
}

/** Files of a disk, and what it must hold. */
export interface DiskWorld {
  file: MemoryFile;
  log: MemoryFile;
  base: DiskView | undefined;
  baseFile: MemoryFile | undefined;
  expected: Uint8Array;
}

export interface DiskWorldOptions {
  /** Bytes of a base full of `patternOf`. */
  base?: number;
  /** Where the base holds data, when that is known. */
  data?: Extent[];
  clusterSize?: number;
}

export async function makeDisk(size: number, options: DiskWorldOptions = {}): Promise<DiskWorld> {
  const { base: baseSize = 0, clusterSize, data } = options;
  const file = new MemoryFile();
  const baseFile = baseSize === 0 ? undefined : new MemoryFile(patternOf(baseSize));
  for (const [each, { offset, length }] of (data ?? []).entries()) {
    const before = data?.[each - 1];
    baseFile?.bytes.fill(0, before === undefined ? 0 : before.offset + before.length, offset);
    if (each + 1 === data?.length) baseFile?.bytes.fill(0, offset + length);
  }
  const expected = new Uint8Array(size);
  if (baseFile !== undefined) expected.set(baseFile.bytes.subarray(0, size));
  const backing = baseFile === undefined ? undefined : { name: '/images/base.img', format: 'raw' };
  await createQcow2(file, { size, clusterSize, backing });
  const base = baseFile === undefined ? undefined : rawView(uncached(baseFile), data);
  return { file, log: new MemoryFile(), base, baseFile, expected };
}

export const openDisk = (world: DiskWorld, bootId?: string): Promise<Qcow2Disk> =>
  openQcow2({ file: world.file, log: world.log, base: world.base, environment: environmentOf(bootId) });

/** All of a disk. */
export const contentOf = async (disk: DiskView): Promise<Uint8Array> => disk.read(0, disk.size);

/** Writes bytes of one value, also to what is expected. */
export async function fill(
  disk: Qcow2Disk,
  world: DiskWorld,
  at: number,
  length: number,
  value: number,
): Promise<void> {
  world.expected.fill(value, at, at + length);
  await disk.write(at, new Uint8Array(length).fill(value));
}

/** A copy of the files, as another process would find them after this one was killed. */
export const afterKill = (world: DiskWorld): DiskWorld => ({
  ...world,
  file: new MemoryFile(world.file.content()),
  log: new MemoryFile(world.log.content()),
});

export const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
