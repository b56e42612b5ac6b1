import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError } from '@drover/contract';
import { afterEach, beforeEach } from 'vitest';
import { createIds } from '../../../src/adapters/system/ids.js';
import type { DiskPlan, DiskPool, HeldDisk } from '../../../src/app/disks/pool.js';
import { openTestPool } from './pool.js';

/** What tests of the pool of disks share: a pool over an image, and what is asked of it again and again. */

export const MiB = 1 << 20;
export const imageSize = 24 * MiB;
export const digest = 'ab'.repeat(32);
export const ids = createIds({ clock: { now: () => Date.now() } });
export const signal: AbortSignal = new AbortController().signal;
export const quiet: { signal: AbortSignal; progress: () => undefined } = { signal, progress: () => undefined };

/** Of the test that runs: {@link usePool}. */
export let folder: string;
export let image: Buffer;
export let pool: DiskPool;

export const openPool = (bootId = 'boot-1', disks = 'disks'): Promise<DiskPool> =>
  openTestPool({ folder, bootId, disks, digest });

/** Gives each test of a file a pool of its own over one image. */
export function usePool(): void {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drover-pool-'));
    image = Buffer.alloc(imageSize);
    randomBytes(3 * MiB).copy(image, 5 * MiB);
    writeFileSync(join(folder, 'blob'), image);
    pool = await openPool();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
}

/** After a test has changed the image itself. */
export function readImage(): void {
  image = readFileSync(join(folder, 'blob'));
}

/** As a server does that starts anew. */
export const reopen = async (...given: Parameters<typeof openPool>): Promise<void> => {
  pool = await openPool(...given);
};

export const newDisk = (): string => ids.next('dsk');
export const newSnapshot = (): string => ids.next('snp');
export const overImage = (disk: string, size = imageSize): DiskPlan => ({
  disk,
  size,
  origin: { kind: 'image', digest },
});

export async function made(plan: Partial<DiskPlan> = {}): Promise<string> {
  const disk = newDisk();
  await pool.create({ ...overImage(disk), ...plan, disk });
  return disk;
}

export async function using<T>(
  disk: string,
  work: (held: HeldDisk['disk']) => Promise<T> | T,
  from = pool,
): Promise<T> {
  const held = await from.hold(disk);
  try {
    return await work(held.disk);
  } finally {
    await held.release();
  }
}

export const write = (disk: string, offset: number, bytes: Buffer, from = pool): Promise<void> =>
  using(
    disk,
    async (held) => {
      await held.write(offset, bytes);
      await held.flush();
    },
    from,
  );
export const read = (disk: string, offset: number, length: number, from = pool): Promise<Buffer> =>
  using(disk, async (held) => Buffer.from(await held.read(offset, length)), from);

export const overlays = (): string[] =>
  readdirSync(join(folder, 'disks/overlays')).filter((name) => name.endsWith('.qcow2'));
export const headOf = (disk: string): string =>
  join(
    folder,
    'disks/overlays',
    `${(JSON.parse(readFileSync(join(folder, 'disks/manifests', `${disk}.json`), 'utf8')) as { head: string }).head}.qcow2`,
  );
/** The files as they are now, elsewhere: what a server that is killed now would leave. */
export function asCrashed(): string {
  cpSync(join(folder, 'disks'), join(folder, `crashed-${(crashes += 1)}`), { recursive: true });
  return `crashed-${crashes}`;
}
let crashes = 0;
/** The disk as qemu-img reads it from our files. */
export function asQemuReads(disk: string): Buffer {
  const out = join(folder, 'out.raw');
  execFileSync('qemu-img', ['check', '-q', headOf(disk)]);
  execFileSync('qemu-img', ['convert', '-O', 'raw', headOf(disk), out]);
  return readFileSync(out);
}
export const refusedWith = async (work: Promise<unknown>): Promise<string> => {
  const fault: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(fault instanceof RefusedError)) throw new Error(`not refused: ${String(fault)}`);
  return fault.refusal.code;
};
