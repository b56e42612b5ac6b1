import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError } from '@drover/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createIds } from '../../src/adapters/system/ids.js';
import type { DiskPlan, DiskPool, HeldDisk } from '../../src/app/disks/pool.js';
import { openTestPool } from './support/pool.js';

const MiB = 1 << 20;
const imageSize = 24 * MiB;
const digest = 'ab'.repeat(32);
const ids = createIds({ clock: { now: () => Date.now() } });
const signal = new AbortController().signal;
const quiet = { signal, progress: () => undefined };

let folder: string;
let image: Buffer;
let pool: DiskPool;

const openPool = (bootId = 'boot-1', disks = 'disks'): Promise<DiskPool> =>
  openTestPool({ folder, bootId, disks, digest });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-pool-'));
  image = Buffer.alloc(imageSize);
  randomBytes(3 * MiB).copy(image, 5 * MiB);
  writeFileSync(join(folder, 'blob'), image);
  pool = await openPool();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const newDisk = (): string => ids.next('dsk');
const newSnapshot = (): string => ids.next('snp');
const overImage = (disk: string, size = imageSize): DiskPlan => ({ disk, size, origin: { kind: 'image', digest } });

async function made(plan: Partial<DiskPlan> = {}): Promise<string> {
  const disk = newDisk();
  await pool.create({ ...overImage(disk), ...plan, disk });
  return disk;
}

async function using<T>(disk: string, work: (held: HeldDisk['disk']) => Promise<T> | T, from = pool): Promise<T> {
  const held = await from.hold(disk);
  try {
    return await work(held.disk);
  } finally {
    await held.release();
  }
}

const write = (disk: string, offset: number, bytes: Buffer, from = pool): Promise<void> =>
  using(
    disk,
    async (held) => {
      await held.write(offset, bytes);
      await held.flush();
    },
    from,
  );
const read = (disk: string, offset: number, length: number, from = pool): Promise<Buffer> =>
  using(disk, async (held) => Buffer.from(await held.read(offset, length)), from);

const overlays = (): string[] => readdirSync(join(folder, 'disks/overlays')).filter((name) => name.endsWith('.qcow2'));
const headOf = (disk: string): string =>
  join(
    folder,
    'disks/overlays',
    `${(JSON.parse(readFileSync(join(folder, 'disks/manifests', `${disk}.json`), 'utf8')) as { head: string }).head}.qcow2`,
  );
/** The files as they are now, elsewhere: what a server that is killed now would leave. */
function asCrashed(): string {
  cpSync(join(folder, 'disks'), join(folder, `crashed-${(crashes += 1)}`), { recursive: true });
  return `crashed-${crashes}`;
}
let crashes = 0;
/** The disk as qemu-img reads it from our files. */
function asQemuReads(disk: string): Buffer {
  const out = join(folder, 'out.raw');
  execFileSync('qemu-img', ['check', '-q', headOf(disk)]);
  execFileSync('qemu-img', ['convert', '-O', 'raw', headOf(disk), out]);
  return readFileSync(out);
}
const refusedWith = async (work: Promise<unknown>): Promise<string> => {
  const fault: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(fault instanceof RefusedError)) throw new Error(`not refused: ${String(fault)}`);
  return fault.refusal.code;
};

describe('a disk over an image', () => {
  it('is made at once, takes next to no space, and shows the image', async () => {
    const disk = await made();
    expect(statSync(headOf(disk)).blocks * 512).toBeLessThan(512 * 1024);
    expect((await read(disk, 5 * MiB, MiB)).equals(image.subarray(5 * MiB, 6 * MiB))).toBe(true);
    expect(asQemuReads(disk).equals(image)).toBe(true);
  });

  it('keeps what is written, and leaves the image as it is', async () => {
    const disk = await made();
    const bytes = randomBytes(200_000);
    await write(disk, 6 * MiB + 512, bytes);
    image.copy(image);
    expect(readFileSync(join(folder, 'blob')).equals(image)).toBe(true);
    bytes.copy(image, 6 * MiB + 512);
    expect(asQemuReads(disk).equals(image)).toBe(true);
  });

  it('may be larger than the image, not smaller', async () => {
    const disk = await made({ size: imageSize + MiB });
    expect((await read(disk, imageSize, MiB)).equals(Buffer.alloc(MiB))).toBe(true);
    expect(await refusedWith(pool.create(overImage(newDisk(), imageSize - 512)))).toBe('disk.invalid');
    expect(await refusedWith(pool.create(overImage(newDisk(), imageSize + 100)))).toBe('disk.invalid');
    expect(overlays()).toHaveLength(1);
  });

  it('is made once, however often it is asked for', async () => {
    const disk = await made();
    await write(disk, 0, Buffer.from('mine'.repeat(128)));
    await pool.create(overImage(disk));
    expect((await read(disk, 0, 4)).toString()).toBe('mine');
    expect(overlays()).toHaveLength(1);
  });

  it('is not made over an image that is not there', async () => {
    const origin = { kind: 'image', digest: 'cd'.repeat(32) } as const;
    expect(await refusedWith(pool.create({ disk: newDisk(), size: MiB, origin }))).toBe('blob.not-found');
    expect(overlays()).toHaveLength(0);
  });
});

describe('a disk with a root', () => {
  const sfdisk = (script: string): void => {
    execFileSync('sfdisk', ['-q', join(folder, 'blob')], { input: script });
    image = readFileSync(join(folder, 'blob'));
  };
  const mbr = 'label: dos\nstart=1MiB, size=3MiB, type=c\nstart=4MiB, type=83\n';
  /** Where the partitions of a disk end, as sfdisk reads them from our files. */
  const endsOf = (disk: string): number[] => {
    asQemuReads(disk);
    const said = execFileSync('sfdisk', ['-J', join(folder, 'out.raw')]).toString();
    const { partitions } = (JSON.parse(said) as { partitiontable: { partitions: { start: number; size: number }[] } })
      .partitiontable;
    return partitions.map(({ start, size }) => (start + size) * 512);
  };
  const grown = { kind: 'grown', partition: 2, before: 20 * MiB, after: 44 * MiB };

  it('has it fill the disk when that is larger than the image, once', async () => {
    sfdisk(mbr);
    const disk = await made({ size: 48 * MiB, rootPartition: 2 });
    expect(endsOf(disk)).toEqual([4 * MiB, imageSize]);
    expect(await pool.growRoot(disk)).toEqual(grown);
    expect(endsOf(disk)).toEqual([4 * MiB, 48 * MiB]);
    expect(await pool.growRoot(disk)).toEqual({ kind: 'none' });
    await pool.resize(disk, 64 * MiB);
    expect(await pool.growRoot(disk)).toMatchObject({ kind: 'grown', before: 44 * MiB, after: 60 * MiB });
    expect((await read(disk, 5 * MiB, MiB)).equals(image.subarray(5 * MiB, 6 * MiB))).toBe(true);
  });

  it('keeps a GPT whole', async () => {
    sfdisk('label: gpt\nstart=1MiB, size=3MiB, type=uefi\nstart=4MiB, type=linux\n');
    const disk = await made({ size: 48 * MiB, rootPartition: 2 });
    expect(await pool.growRoot(disk)).toMatchObject({ kind: 'grown', after: 43 * MiB });
    expect(endsOf(disk)).toEqual([4 * MiB, 47 * MiB]);
    expect(execFileSync('sgdisk', ['--verify', join(folder, 'out.raw')]).toString()).toContain('No problems found.');
  });

  it('is let alone while somebody uses it, who is not known to have just begun', async () => {
    sfdisk(mbr);
    const disk = await made({ size: 48 * MiB, rootPartition: 2 });
    await using(disk, async () => {
      expect(await pool.growRoot(disk)).toEqual({ kind: 'later', partition: 2 });
      expect(await pool.growRoot(disk, { evenInUse: true })).toEqual(grown);
      expect(await pool.growRoot(disk)).toEqual({ kind: 'none' });
    });
    expect(endsOf(disk)).toEqual([4 * MiB, 48 * MiB]);
  });

  it('says why not, and stays as it is, when the root is not the last or the table makes no sense', async () => {
    sfdisk('label: dos\nstart=1MiB, size=8MiB, type=83\nstart=9MiB, type=83\n');
    const disk = await made({ size: 48 * MiB, rootPartition: 1 });
    expect(await pool.growRoot(disk)).toEqual({ kind: 'blocked', partition: 1, why: 'partition 2 lies behind it' });
    expect(endsOf(disk)).toEqual([9 * MiB, imageSize]);
    await write(disk, 0, Buffer.alloc(512));
    expect(await pool.growRoot(disk)).toMatchObject({
      kind: 'blocked',
      why: expect.stringContaining('cannot be read') as string,
    });
  });

  it('writes nothing when the disk is as large as the image, or was not made for a root', async () => {
    sfdisk(mbr);
    for (const disk of [await made({ rootPartition: 2 }), await made({ size: 48 * MiB })]) {
      expect(await pool.growRoot(disk)).toEqual({ kind: 'none' });
      expect(endsOf(disk)).toEqual([4 * MiB, imageSize]);
    }
  });
});

describe('a held disk', () => {
  it('is one for all who hold it', async () => {
    const disk = await made({ size: 8 * MiB, origin: { kind: 'empty' } });
    const [first, second] = await Promise.all([pool.hold(disk), pool.hold(disk)]);
    await first.disk.write(0, Buffer.alloc(512, 7));
    await first.release();
    await first.release();
    expect(Buffer.from(await second.disk.read(0, 512))).toEqual(Buffer.alloc(512, 7));
    await second.release();
    expect(asQemuReads(disk).subarray(0, 512)).toEqual(Buffer.alloc(512, 7));
  });

  it('is not removed', async () => {
    const disk = await made();
    const held = await pool.hold(disk);
    expect(await refusedWith(pool.remove(disk))).toBe('disk.in-use');
    await held.release();
    await pool.remove(disk);
    await pool.remove(disk);
    expect(await refusedWith(pool.hold(disk))).toBe('disk.not-found');
    expect(overlays()).toHaveLength(0);
  });

  it('that nobody closed is as it was answered, and after a power cut as it was flushed', async () => {
    const disk = await made({ size: 8 * MiB, origin: { kind: 'empty' } });
    const held = await pool.hold(disk);
    await held.disk.write(0, Buffer.alloc(65_536, 1));
    await held.disk.flush();
    await held.disk.write(65_536, Buffer.alloc(65_536, 2));
    expect((await read(disk, 65_536, 4, await openPool('boot-1', asCrashed())))[0]).toBe(2);
    const other = await made({ size: 8 * MiB, origin: { kind: 'empty' } });
    const later = await pool.hold(other);
    await later.disk.write(0, Buffer.alloc(65_536, 3));
    await later.disk.flush();
    expect((await read(other, 0, 4, await openPool('boot-2', asCrashed())))[0]).toBe(3);
    await Promise.all([held.release(), later.release()]);
  });

  it('is not opened by a second server', async () => {
    const disk = await made();
    const held = await pool.hold(disk);
    expect(await refusedWith((await openPool()).hold(disk))).toBe('disk.in-use');
    await held.release();
    expect((await read(disk, 5 * MiB, 1)).length).toBe(1);
  });

  it('is closed with the pool, which opens nothing more', async () => {
    const disk = await made();
    const held = await pool.hold(disk);
    await held.disk.write(0, Buffer.alloc(512, 9));
    await pool.close();
    expect(asQemuReads(disk)[0]).toBe(9);
    await expect(pool.hold(disk)).rejects.toMatchObject({ code: 'ESHUTDOWN' });
  });
});

describe('snapshots and clones', () => {
  it('keep a state while the disk goes on, also while it is held', async () => {
    const disk = await made();
    const held = await pool.hold(disk);
    await held.disk.write(0, Buffer.alloc(4096, 1));
    const snapshot = newSnapshot();
    await pool.snapshot(disk, snapshot);
    await pool.snapshot(disk, snapshot);
    await held.disk.write(0, Buffer.alloc(4096, 2));
    const clone = newDisk();
    await pool.create({ disk: clone, size: imageSize, origin: { kind: 'snapshot', disk, snapshot } });
    expect((await read(clone, 0, 1))[0]).toBe(1);
    expect(Buffer.from(await held.disk.read(0, 1))[0]).toBe(2);
    await write(clone, 0, Buffer.alloc(4096, 3));
    await held.release();
    expect((await read(disk, 0, 1))[0]).toBe(2);
    expect(asQemuReads(clone)[0]).toBe(3);
    expect(asQemuReads(disk)[0]).toBe(2);
    expect(await pool.facts(disk)).toMatchObject({
      depth: 1,
      base: digest,
      snapshots: [{ id: snapshot, size: imageSize }],
    });
  });

  it('are there after a restart', async () => {
    const disk = await made();
    await write(disk, 0, Buffer.alloc(512, 1));
    const snapshot = newSnapshot();
    await pool.snapshot(disk, snapshot);
    await write(disk, 0, Buffer.alloc(512, 2));
    pool = await openPool();
    const clone = await made({ origin: { kind: 'snapshot', disk, snapshot } });
    expect((await read(clone, 0, 1))[0]).toBe(1);
    expect((await read(disk, 0, 1))[0]).toBe(2);
  });

  it('outlive the disk they were taken of, and leave nothing when the last of them goes', async () => {
    const disk = await made();
    await write(disk, 0, Buffer.alloc(512, 1));
    const snapshot = newSnapshot();
    await pool.snapshot(disk, snapshot);
    const clone = await made({ origin: { kind: 'snapshot', disk, snapshot } });
    expect(await refusedWith(pool.remove(disk))).toBe('disk.in-use');
    await pool.remove(disk, { withSnapshots: true });
    expect((await read(clone, 0, 1))[0]).toBe(1);
    await pool.remove(clone);
    expect(overlays()).toHaveLength(0);
  });

  it('are refused of what is not there', async () => {
    const disk = await made();
    const origin = { kind: 'snapshot', disk, snapshot: newSnapshot() } as const;
    expect(await refusedWith(pool.create({ disk: newDisk(), size: imageSize, origin }))).toBe('snapshot.not-found');
    expect(await refusedWith(pool.snapshot(newDisk(), newSnapshot()))).toBe('disk.not-found');
    expect(await refusedWith(pool.hold('../../etc/passwd'))).toBe('disk.not-found');
  });

  it('in a long chain are flattened away while the disk is in use', async () => {
    const disk = await made();
    const expected = Buffer.from(image);
    const held = await pool.hold(disk);
    for (let round = 0; round < 5; round += 1) {
      const bytes = randomBytes(100_000);
      await held.disk.write(round * MiB, bytes);
      bytes.copy(expected, round * MiB);
      await pool.snapshot(disk, newSnapshot());
    }
    for (const { id } of (await pool.facts(disk)).snapshots) await pool.forgetSnapshot(disk, id);
    expect((await pool.facts(disk)).depth).toBe(5);
    const told: number[] = [];
    await pool.flatten(disk, { signal, progress: (done) => told.push(done) });
    expect(told.at(-1)).toBe(imageSize);
    expect((await pool.facts(disk)).depth).toBe(0);
    await held.release();
    expect(asQemuReads(disk).equals(expected)).toBe(true);
    expect(overlays()).toHaveLength(1);
  });

  it('can be too many in a row, which is said with the way out', async () => {
    const disk = await made({ size: MiB, origin: { kind: 'empty' } });
    const taken: string[] = [];
    for (let round = 0; round < 16; round += 1) {
      taken.push(newSnapshot());
      await pool.snapshot(disk, taken[round] ?? '');
    }
    expect(await refusedWith(pool.snapshot(disk, newSnapshot()))).toBe('disk.invalid');
    const origin = { kind: 'snapshot', disk, snapshot: taken[15] ?? '' } as const;
    expect(await refusedWith(pool.create({ disk: newDisk(), size: MiB, origin }))).toBe('disk.invalid');
    expect(overlays()).toHaveLength(17);
    await pool.flatten(disk, quiet);
    await pool.snapshot(disk, newSnapshot());
  });

  it('and their removal at the same time harm nobody', async () => {
    const disk = await made();
    await write(disk, 0, Buffer.alloc(512, 1));
    for (let round = 0; round < 10; round += 1) {
      const snapshot = newSnapshot();
      await pool.snapshot(disk, snapshot);
      const clone = newDisk();
      const origin = { kind: 'snapshot', disk, snapshot } as const;
      const [created] = await Promise.allSettled([
        pool.create({ disk: clone, size: imageSize, origin }),
        pool.forgetSnapshot(disk, snapshot),
        pool.flatten(disk, quiet),
      ]);
      if (created.status === 'fulfilled') expect((await read(clone, 0, 1))[0]).toBe(1);
      else expect(await refusedWith(Promise.reject(created.reason as Error))).toBe('snapshot.not-found');
      await pool.remove(clone);
    }
  });
});

describe('what a disk can go through', () => {
  it('it grows while it is held, and does not shrink', async () => {
    const disk = await made();
    const held = await pool.hold(disk);
    await pool.resize(disk, imageSize + 5 * MiB);
    expect(held.disk.size).toBe(imageSize + 5 * MiB);
    await held.disk.write(imageSize + 4 * MiB, Buffer.alloc(512, 9));
    await held.release();
    expect(await refusedWith(pool.resize(disk, MiB))).toBe('disk.invalid');
    expect(asQemuReads(disk)).toHaveLength(imageSize + 5 * MiB);
  });

  it('its check names files and finds damage, which is then refused', async () => {
    const disk = await made();
    await write(disk, 0, Buffer.alloc(65_536, 1));
    expect(await pool.check(disk)).toMatchObject([{ report: { corruptions: 0, leaks: 0, inUse: false } }]);
    const head = headOf(disk);
    const bytes = readFileSync(head);
    const l1 = Number(bytes.readBigUInt64BE(40));
    bytes.writeBigUInt64BE(0x80ffffffffff0000n, l1);
    writeFileSync(head, bytes);
    expect((await pool.check(disk))[0]?.problem).toContain('L1 entry 0');
    expect(await refusedWith(pool.hold(disk))).toBe('disk.broken');
    expect(readFileSync(head).equals(bytes)).toBe(true);
  });

  it('files that a crash left are removed at the next start, but none while a manifest cannot be read', async () => {
    const disk = await made();
    const stray = join(folder, 'disks/overlays', `${ids.next('ovl')}.qcow2`);
    writeFileSync(stray, 'left over');
    const manifest = join(folder, 'disks/manifests', `${disk}.json`);
    const text = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, text.slice(0, 40));
    pool = await openPool();
    expect(overlays()).toHaveLength(2);
    expect(await refusedWith(pool.hold(disk))).toBe('disk.broken');
    const other = await made();
    expect((await pool.facts(other)).ownBytes).toBeGreaterThan(0);
    await pool.remove(other);
    expect(overlays()).toHaveLength(3);
    writeFileSync(manifest, text);
    pool = await openPool();
    expect(overlays()).toHaveLength(1);
    expect(await read(disk, 5 * MiB, 512)).toEqual(image.subarray(5 * MiB, 5 * MiB + 512));
  });

  it('its space comes back', async () => {
    const disk = await made({ size: 16 * MiB, origin: { kind: 'empty' } });
    await write(disk, 0, randomBytes(8 * MiB));
    expect((await pool.facts(disk)).ownBytes).toBeGreaterThan(8 * MiB);
    await using(disk, async (held) => {
      await held.trim(0, 8 * MiB);
      await held.flush();
      await held.reclaim();
    });
    expect((await pool.facts(disk)).ownBytes).toBeLessThan(MiB);
    expect(await pool.list()).toMatchObject([{ disk, base: null, depth: 0, snapshots: [] }]);
  });
});
