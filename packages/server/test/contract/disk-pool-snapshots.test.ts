import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  asQemuReads,
  digest,
  image,
  imageSize,
  made,
  MiB,
  newDisk,
  newSnapshot,
  overlays,
  pool,
  quiet,
  read,
  refusedWith,
  reopen,
  signal,
  usePool,
  write,
} from './support/pool-house.js';

usePool();

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
    await reopen();
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
