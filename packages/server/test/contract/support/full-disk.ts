/**
 * Run on a file system of a few megabytes, in the folder of its first argument: fills it through block files and says what came of it as JSON.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockFile } from '@drover/disk-image';
import { createFileLock, createGate, createHolePuncher, openBlockFile } from '../../../src/adapters/disks/index.js';

const folder = process.argv[2]!;
const megabyte = 1 << 20;
const deps = { slow: createGate(1), lock: createFileLock(), puncher: createHolePuncher() };
const path = (name: string): string => join(folder, name);

/** Writes pieces one behind the other until that fails. Returns the error, and how many bytes were written without one. */
const fill = async (file: BlockFile, piece: number): Promise<{ code: unknown; message: string; written: number }> => {
  for (let at = 0; ; at += piece) {
    try {
      // Pages, so that one call writes a part of them when the file system gets full in between.
      await file.write(
        at,
        Array.from({ length: piece / 4096 }, () => Buffer.alloc(4096, 1 + ((at / piece) % 250))),
      );
      await file.datasync();
    } catch (error) {
      const { code, message } = error as Error & { code?: unknown };
      return { code, message, written: at };
    }
  }
};

const holds = async (file: BlockFile, offset: number, length: number, value: number): Promise<boolean> => {
  const bytes = Buffer.alloc(length);
  await file.readInto(offset, bytes);
  return bytes.every((byte) => byte === value);
};

const file = await openBlockFile(path('disk'), deps, { create: true });
const full = await fill(file, megabyte);
const keepsWhatItHad = await holds(file, 0, megabyte, 1);

await file.punch!([{ offset: 0, length: megabyte }]);
const reads = await holds(file, 0, megabyte, 0);
await file.write(0, Buffer.alloc(megabyte / 2, 7));
await file.datasync();
const goesOn = await holds(file, 0, megabyte / 2, 7);
await file.close();
await rm(path('disk'));

process.stdout.write(JSON.stringify({ full, keepsWhatItHad, reads, goesOn }));
