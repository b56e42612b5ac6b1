import { readdir, rename, writeFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDiskFile, type DiskPlace, type OpenedDisk } from '../../src/adapters/disks/index.js';
import { kib, mib, modelOf } from '../disks/disk-house.js';
import type { DiskModel } from '../disks/model.js';
import { runWorkload } from '../disks/workload.js';
import { diskFolder, startDisks, type DiskLab } from './disk-lab.js';
import { runWell } from './nbd-lab.js';
import { qemuCheck, qemuCompare, qemuMap, sound, spaceOf } from './qemu-check.js';

const size = 16 * mib;
const identical = 'Images are identical.';

/** A disk that is kept open, with a model of it. */
async function openLab(): Promise<{ lab: DiskLab; model: DiskModel; opened: OpenedDisk; release: () => void }> {
  const lab = await startDisks(await diskFolder(size), { lingerMs: 600_000 });
  await lab.create('disk');
  const { value: opened, release } = await lab.disks.acquire('disk');
  return { lab, model: modelOf(size), opened, release };
}

async function change(lab: DiskLab, model: DiskModel, seed: number, name = 'disk'): Promise<void> {
  const { ended, errors } = await runWorkload(model, { uri: lab.uri(name), seed, changes: 60 });
  expect(ended, errors).toBe(true);
}

/** Does something to a disk once a few changes of a client are answered, while more of them come. */
async function changeDuring<T>(lab: DiskLab, model: DiskModel, seed: number, work: () => Promise<T>): Promise<T> {
  const begun: Promise<T>[] = [];
  const onAnswered = (count: number): void => {
    if (count === 5) begun.push(work());
  };
  const options = { uri: lab.uri('disk'), seed, changes: 150, durable: 0.05, onAnswered };
  const { ended, errors } = await runWorkload(model, options);
  expect(ended, errors).toBe(true);
  return begun[0]!;
}

/** A raw file with what the model says. */
async function rawOf({ folder }: DiskLab, model: DiskModel, name: string): Promise<string> {
  const path = join(folder, `${name}.raw`);
  await writeFile(path, model.bytes());
  return path;
}

const nextPlace = (lab: DiskLab, number: number): { overlay: string; log: string } => ({
  overlay: lab.path(`disk.${number}.qcow2`),
  log: lab.path(`disk.${number}.log`),
});

const info = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await runWell('qemu-img', 'info', '--output=json', path)) as Record<string, unknown>;

describe('snapshots', () => {
  it('freeze what the disk holds, under a connection that goes on', async () => {
    const { lab, model, opened } = await openLab();
    const frozen: [path: string, raw: string][] = [];
    for (const round of [1, 2, 3]) {
      await change(lab, model, round);
      const before = opened.place.overlay;
      await changeDuring(lab, model, 90 + round, () =>
        opened.snapshot(nextPlace(lab, round), async (place) => void lab.places.set('disk', place)),
      );
      expect(await qemuCheck(before)).toEqual(sound);
      const raw = join(lab.folder, `frozen-${round}.raw`);
      await runWell('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', before, raw);
      frozen.push([before, raw]);
      expect(await qemuCompare(opened.place.overlay, await rawOf(lab, model, 'now'))).toBe(identical);
    }
    await change(lab, model, 4);
    for (const [path, raw] of frozen) expect(await qemuCompare(path, raw)).toBe(identical);
    expect(opened.place.layers).toEqual(frozen.map(([path]) => path).reverse());
    expect(await info(opened.place.overlay)).toMatchObject({
      'backing-filename': './disk.2.qcow2',
      'backing-filename-format': 'qcow2',
    });
    await lab.stop();
    expect(await qemuCheck(opened.place.overlay)).toEqual(sound);
    expect(await qemuCompare(opened.place.overlay, await rawOf(lab, model, 'now'))).toBe(identical);
    const logs = (await readdir(lab.folder)).filter((name) => name.endsWith('.log'));
    expect(logs).toEqual(['disk.3.log']);
  });

  it('leave the disk as it was when they cannot be made known', async () => {
    const { lab, model, opened } = await openLab();
    await change(lab, model, 1);
    const { place } = opened;
    const before = await readdir(lab.folder);
    const failing = opened.snapshot(nextPlace(lab, 1), () => Promise.reject(new Error('the database is away')));
    await expect(failing).rejects.toThrow('the database is away');
    expect(opened.place).toBe(place);
    expect(await readdir(lab.folder)).toEqual(before);
    await writeFile(nextPlace(lab, 2).overlay, 'something else');
    await expect(opened.snapshot(nextPlace(lab, 2), () => Promise.resolve())).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(nextPlace(lab, 2).overlay, 'utf8')).toBe('something else');
    await change(lab, model, 2);
    await opened.snapshot(nextPlace(lab, 3), async (next) => void lab.places.set('disk', next));
    await change(lab, model, 3);
    await lab.stop();
    expect(await qemuCompare(opened.place.overlay, await rawOf(lab, model, 'now'))).toBe(identical);
  });

  it('may be moved, all files of a folder together', async () => {
    const { lab, model, opened } = await openLab();
    await change(lab, model, 1);
    await opened.snapshot(nextPlace(lab, 1), async (place) => void lab.places.set('disk', place));
    await change(lab, model, 2);
    await lab.stop();
    const raw = await rawOf(lab, model, 'now');
    const moved = await diskFolder(size);
    for (const name of ['disk.qcow2', 'disk.1.qcow2']) await rename(lab.path(name), join(moved, name));
    expect(await qemuCompare(join(moved, 'disk.1.qcow2'), raw)).toBe(identical);
    const again = await startDisks(moved, { lingerMs: 600_000 });
    const place: DiskPlace = { ...again.placeOf('disk.1'), layers: [again.path('disk.qcow2')] };
    again.places.set('disk', place);
    await change(again, model, 3);
    expect(await qemuCompare(place.overlay, await rawOf(again, model, 'now'))).toBe(identical);
  });
});

describe('clones', () => {
  it('of a snapshot take no space, and have lives of their own', async () => {
    const { lab, model, opened } = await openLab();
    await change(lab, model, 1);
    const frozen = opened.place.overlay;
    const frozenRaw = await rawOf(lab, model, 'frozen');
    const models = [1, 2].map(() => modelFrom(model));
    await opened.snapshot(nextPlace(lab, 1), async (place) => void lab.places.set('disk', place));
    for (const [each, cloned] of models.entries()) {
      const place = { ...lab.placeOf(`clone-${each}`), layers: [frozen] };
      await createDiskFile(place.overlay, { size, backing: { name: './disk.qcow2', format: 'qcow2' } }, lab.deps);
      expect(await spaceOf(place.overlay)).toBeLessThanOrEqual(64 * kib);
      lab.places.set(`clone-${each}`, place);
      expect(await qemuCompare(place.overlay, frozenRaw)).toBe(identical);
      await change(lab, cloned, 10 + each, `clone-${each}`);
    }
    await change(lab, model, 2);
    await lab.stop();
    for (const [each, cloned] of models.entries()) {
      const path = lab.path(`clone-${each}.qcow2`);
      expect(await qemuCheck(path)).toEqual(sound);
      expect(await qemuCompare(path, await rawOf(lab, cloned, `clone-${each}`))).toBe(identical);
    }
    expect(await qemuCompare(opened.place.overlay, await rawOf(lab, model, 'now'))).toBe(identical);
    expect(await qemuCompare(frozen, frozenRaw)).toBe(identical);
  });
});

/** A model that goes on from here by itself. */
function modelFrom(model: DiskModel): DiskModel {
  const copy = modelOf(model.size);
  copy.judge(model.bytes(), 'kill');
  copy.nextId = model.nextId + 1_000_000;
  return copy;
}

describe('resizing', () => {
  it('shows qemu-img the new size, with zeros in what is added', async () => {
    const { lab, model, opened, release } = await openLab();
    await change(lab, model, 1);
    for (const [round, bytes] of [20 * mib + 512, 300 * mib, 40 * mib].entries()) {
      const grows = bytes > model.size;
      if (!grows) await opened.disk.writeZeroes(bytes, model.size - bytes);
      await opened.disk.resize(bytes, { shrink: !grows });
      model.resize(bytes);
      expect(await info(opened.place.overlay)).toMatchObject({ 'virtual-size': bytes, format: 'qcow2' });
      const { ended, errors } = await runWorkload(model, { uri: lab.uri('disk'), seed: round, changes: 30 });
      expect(ended, errors).toBe(true);
      const report = await qemuCheck(opened.place.overlay);
      expect({ ...report, code: 0, leaks: 0 }).toEqual(sound);
      expect(await qemuCompare(opened.place.overlay, await rawOf(lab, model, 'now'))).toBe(identical);
    }
    await expect(opened.disk.resize(mib)).rejects.toMatchObject({ code: 'image.qcow2.shrink' });
    release();
    await lab.stop();
    expect(await qemuCheck(opened.place.overlay)).toEqual(sound);
    expect(await qemuCompare(opened.place.overlay, await rawOf(lab, model, 'now'))).toBe(identical);
  });
});

describe('flattening', () => {
  it.each(['base', 'nothing'] as const)('leaves one overlay on %s, with what was written meanwhile', async (onto) => {
    const { lab, model, opened } = await openLab();
    for (const round of [1, 2]) {
      await change(lab, model, round);
      await opened.snapshot(nextPlace(lab, round), async (place) => void lab.places.set('disk', place));
    }
    const dropped = await changeDuring(lab, model, 50, () => opened.flatten({ onto }));
    expect(dropped).toEqual([nextPlace(lab, 1).overlay, lab.path('disk.qcow2')]);
    // What was dropped may go, and with `nothing` the base as well.
    await Promise.all(dropped.map((path) => rename(path, `${path}.gone`)));
    const { overlay } = opened.place;
    expect((await info(overlay))['backing-filename']).toBe(onto === 'base' ? './base.img' : undefined);
    if (onto === 'nothing') await rename(lab.base.path, `${lab.base.path}.gone`);
    expect(new Set((await qemuMap(overlay)).map(({ depth }) => depth)).has(2)).toBe(false);
    expect(await qemuCompare(overlay, await rawOf(lab, model, 'now'))).toBe(identical);
    await change(lab, model, 3);
    await lab.stop();
    expect(await qemuCheck(overlay)).toEqual(sound);
    expect(await qemuCompare(overlay, await rawOf(lab, model, 'now'))).toBe(identical);
    expect(opened.place).toMatchObject({ layers: [], base: onto === 'base' ? lab.base : undefined });
  });
});
