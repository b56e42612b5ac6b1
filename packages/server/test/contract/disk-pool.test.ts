import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  asCrashed,
  asQemuReads,
  folder,
  headOf,
  ids,
  image,
  imageSize,
  made,
  MiB,
  newDisk,
  openPool,
  overImage,
  overlays,
  pool,
  read,
  readImage,
  refusedWith,
  reopen,
  usePool,
  using,
  write,
} from './support/pool-house.js';

usePool();

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
    readImage();
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
    await reopen();
    expect(overlays()).toHaveLength(2);
    expect(await refusedWith(pool.hold(disk))).toBe('disk.broken');
    const other = await made();
    expect((await pool.facts(other)).ownBytes).toBeGreaterThan(0);
    await pool.remove(other);
    expect(overlays()).toHaveLength(3);
    writeFileSync(manifest, text);
    await reopen();
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
