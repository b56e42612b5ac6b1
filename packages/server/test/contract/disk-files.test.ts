import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDiskFile, newImageFile, openDiskFiles, type DiskPlace } from '../../src/adapters/disks/index.js';
import { makeBase, mib, openDiskHouse, type DiskHouse } from '../disks/disk-house.js';
import { sha256Of, temporaryFolder } from './support/folders.js';

const folder = temporaryFolder();
const size = 4 * mib;
let disks = 0;
const freshName = (): string => `disk-${(disks += 1)}`;

async function openHouse(): Promise<DiskHouse> {
  if (!existsSync(join(folder, 'base.img'))) await makeBase(folder, size);
  const house = await openDiskHouse({ folder });
  onTestFinished(() => house.close());
  return { ...house, deps: { ...house.deps, lockWaitMs: 0 } };
}

const refusal = (code: string, said: string): object => ({ code, message: expect.stringContaining(said) as string });
const openFiles = (): string[] => readdirSync('/proc/self/fd').sort();

describe('the files of a disk', () => {
  it('are made without a place for half of it', async () => {
    const house = await openHouse();
    const [name, taken] = [freshName(), freshName()];
    writeFileSync(`${house.path(name)}.qcow2.new`, 'left by a server that was killed');
    const { overlay } = await house.create(name);
    expect(statSync(overlay).mode & 0o777).toBe(0o600);
    const before = sha256Of(readFileSync(overlay));
    await expect(createDiskFile(overlay, { size }, house.deps)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(sha256Of(readFileSync(overlay))).toBe(before);
    await expect(createDiskFile(house.path(taken), { size: 100 }, house.deps)).rejects.toMatchObject(
      refusal('image.qcow2.parameter', 'size is 100'),
    );
    expect(readdirSync(folder).filter((each) => each.startsWith(taken) || each.endsWith('.new'))).toEqual([]);
  });

  it('can be given up before they have a name', async () => {
    const house = await openHouse();
    const path = house.path(freshName());
    const image = await newImageFile(path, house.deps, { locked: false });
    await image.file.close();
    await image.discard();
    await image.discard();
    expect(readdirSync(folder).filter((each) => path.endsWith(each.replace('.new', '')))).toEqual([]);
  });

  it('belong to one server', async () => {
    const house = await openHouse();
    const place = await house.create(freshName());
    const opened = await openDiskFiles(place, house.deps);
    await expect(openDiskFiles(place, house.deps)).rejects.toMatchObject(refusal('EBUSY', place.overlay));
    await opened.disk.write(5, Buffer.from('one'));
    await opened.close();
    const again = await openDiskFiles(place, house.deps);
    expect(Buffer.from(await again.disk.read(5, 3)).toString()).toBe('one');
    expect(again.disk.recovery).toBe('clean');
    await again.close();
  });

  it('go on from the redo log after they were left open', async () => {
    const house = await openHouse();
    const place = await house.create(freshName());
    const opened = await openDiskFiles(place, house.deps);
    await opened.disk.write(5, Buffer.from('kept'));
    // What a killed process leaves, in files of its own.
    const left: DiskPlace = { ...place, overlay: `${place.overlay}.left.qcow2`, log: `${place.log}.left` };
    copyFileSync(place.overlay, left.overlay);
    copyFileSync(place.log, left.log);
    const again = await openDiskFiles(left, house.deps);
    expect(again.disk.recovery).toBe('replayed');
    expect(Buffer.from(await again.disk.read(5, 4)).toString()).toBe('kept');
    await again.close();
    await opened.close();
  });

  it('are refused, closed and left as they are when the overlay lies on something else', async () => {
    const house = await openHouse();
    const place = await house.create(freshName());
    const empty = house.path(`${freshName()}.qcow2`);
    await createDiskFile(empty, { size }, house.deps);
    const other = { ...house.base, path: house.path('other.img') };
    copyFileSync(house.base.path, other.path);
    const before = [place.overlay, empty].map((path) => sha256Of(readFileSync(path)));
    const files = openFiles();
    for (const [wrong, said] of [
      [{ ...place, base: other }, 'lies on "base.img", but it is to lie on'],
      [{ ...place, base: undefined }, 'lies on "base.img", but it is to lie on nothing'],
      [{ ...place, overlay: empty }, 'lies on nothing, but'],
      [{ ...place, layers: [empty] }, `lies on "base.img", but it is to lie on ${empty}`],
    ] as const) {
      await expect(openDiskFiles(wrong, house.deps)).rejects.toMatchObject(refusal('image.qcow2.backing', said));
    }
    expect(openFiles()).toEqual(files);
    expect([place.overlay, empty].map((path) => sha256Of(readFileSync(path)))).toEqual(before);
  });

  it('find the base through another name of its folder, and not through a link in its place', async () => {
    const house = await openHouse();
    const place = await house.create(freshName());
    const link = join(folder, freshName());
    symlinkSync(folder, link);
    const elsewhere = { ...house.base, path: join(link, 'base.img') };
    await (await openDiskFiles({ ...place, base: elsewhere }, house.deps)).close();
    await rename(place.overlay, `${place.overlay}.moved`);
    symlinkSync(`${place.overlay}.moved`, place.overlay);
    await expect(openDiskFiles(place, house.deps)).rejects.toMatchObject({ code: 'ELOOP' });
  });

  it('are closed when they cannot be opened as a disk', async () => {
    const house = await openHouse();
    const place = await house.create(freshName());
    const handle = await open(place.overlay, 'r+');
    await handle.write(Buffer.alloc(8, 0xff), 0, 8, 40);
    await handle.close();
    const files = openFiles();
    await expect(openDiskFiles(place, house.deps)).rejects.toMatchObject({ code: 'image.qcow2.corrupt' });
    expect(openFiles()).toEqual(files);
  });
});
