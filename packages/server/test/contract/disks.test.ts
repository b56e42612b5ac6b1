import type { DiskSnapshot } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import type { DiskRecord } from '../../src/app/disks/records.js';
import { adapters } from './support/databases.js';
import { makeTenant } from './support/fleet.js';
import { at, someTime } from './support/records.js';
import { testIds } from './support/world.js';

const aDisk = (tenant: string, change: Partial<DiskRecord> = {}): DiskRecord => ({
  id: testIds.next('dsk'),
  tenant,
  site: 'default',
  name: `disk-${testIds.randomHex(4)}`,
  role: 'data',
  ...{ kind: 'block' as const, clone: null, nfs: null },
  device: null,
  attachments: [],
  image: null,
  base: null,
  restoredFrom: null,
  size: 5 * 2 ** 40,
  ownBytes: null,
  state: 'ready',
  stateReason: null,
  deleteAt: null,
  job: null,
  createdAt: someTime,
  updatedAt: someTime,
  revision: 1,
  ...change,
});

const aSnapshot = (disk: DiskRecord, change: Partial<DiskSnapshot> = {}): DiskSnapshot => ({
  id: testIds.next('snp'),
  disk: disk.id,
  tenant: disk.tenant,
  name: `state-${testIds.randomHex(4)}`,
  size: disk.size,
  state: 'creating',
  stateReason: null,
  job: null,
  createdAt: someTime,
  ...change,
});

describe.each(adapters())('disks on $name', ({ create }) => {
  it('come back as they went in, also when they are larger than 2^32 bytes', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'a');
    const restoredFrom = testIds.next('bak');
    const disk = aDisk(tenant, {
      base: 'ab'.repeat(32),
      restoredFrom,
      ownBytes: 6 * 2 ** 32,
      job: testIds.next('job'),
    });
    expect(await store.transaction((tx) => tx.disks.insert(disk))).toBe(true);
    expect(await store.read((tx) => tx.disks.get(disk.id))).toEqual(disk);
    expect(await store.read((tx) => tx.disks.find(tenant, disk.name))).toEqual(disk);
    expect(await store.read((tx) => tx.disks.onBase('ab'.repeat(32)))).toEqual([disk.name]);
    expect(await store.read((tx) => tx.disks.onBase('cd'.repeat(32)))).toEqual([]);
  });

  it('have one name in each tenant, also after a change', async () => {
    const store = await (await create()).open();
    const [a, b] = [await makeTenant(store, 'a'), await makeTenant(store, 'b')];
    const [first, second, elsewhere] = [aDisk(a, { name: 'x' }), aDisk(a, { name: 'y' }), aDisk(b, { name: 'x' })];
    const inserted = await store.transaction(async (tx) => [
      await tx.disks.insert(first),
      await tx.disks.insert(second),
      await tx.disks.insert(elsewhere),
      await tx.disks.insert(aDisk(a, { name: 'x' })),
    ]);
    expect(inserted).toEqual([true, true, true, false]);
    const rename = (name: string) => store.transaction((tx) => tx.disks.update(second.id, 1, { name }));
    expect(await rename('x')).toBe(false);
    expect(await rename('z')).toBe(true);
    expect(await rename('w')).toBe(false);
    expect(await store.read((tx) => tx.disks.get(second.id))).toMatchObject({ name: 'z', revision: 2 });
  });

  it('are listed newest first, by tenant, device and role, page by page', async () => {
    const store = await (await create()).open();
    const [a, b] = [await makeTenant(store, 'a'), await makeTenant(store, 'b')];
    const device = testIds.next('dev');
    const made = [1, 2, 3, 4].map((n) => aDisk(a, { createdAt: at(n), device: n > 2 ? device : null }));
    await store.transaction(async (tx) => {
      for (const disk of [...made, aDisk(b), aDisk(a, { role: 'root', createdAt: at(9) })]) await tx.disks.insert(disk);
    });
    const ids = [...made].reverse().map(({ id }) => id);
    const page = await store.read((tx) => tx.disks.list({ tenant: a, role: 'data' }, { limit: 3 }));
    expect(page.items.map(({ id }) => id)).toEqual(ids.slice(0, 3));
    const next = { limit: 3, cursor: page.next ?? '' };
    const rest = await store.read((tx) => tx.disks.list({ tenant: a, role: 'data' }, next));
    expect([rest.items.map(({ id }) => id), rest.next]).toEqual([ids.slice(3), null]);
    const attached = await store.read((tx) => tx.disks.list({ device }, { limit: 9 }));
    expect(attached.items.map(({ id }) => id)).toEqual(ids.slice(0, 2));
  });

  it('have snapshots that go with them', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'a');
    const disk = aDisk(tenant);
    const [old, young] = [aSnapshot(disk, { name: 'x' }), aSnapshot(disk, { createdAt: at(5) })];
    const inserted = await store.transaction(async (tx) => [
      await tx.disks.insert(disk),
      await tx.disks.insertSnapshot(young),
      await tx.disks.insertSnapshot(old),
      await tx.disks.insertSnapshot(aSnapshot(disk, { name: 'x' })),
    ]);
    expect(inserted).toEqual([true, true, true, false]);
    expect(await store.read((tx) => tx.disks.snapshots(disk.id))).toEqual([old, young]);
    await store.transaction((tx) => tx.disks.updateSnapshot(old.id, { state: 'ready', size: 512 }));
    expect(await store.read((tx) => tx.disks.snapshot(old.id))).toEqual({ ...old, state: 'ready', size: 512 });
    await store.transaction((tx) => tx.disks.deleteSnapshot(old.id));
    expect(await store.read((tx) => tx.disks.snapshots(disk.id))).toEqual([young]);
    await store.transaction((tx) => tx.disks.delete(disk.id));
    expect(await store.read((tx) => tx.disks.snapshot(young.id))).toBeUndefined();
  });
});
