import { Provision, Reimage, type Device, type Result } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/system/index.js';
import { createPrepare } from '../../src/app/devices/prepare.js';
import { createProvisioning } from '../../src/app/devices/provisioning.js';
import { createWaiting } from '../../src/app/devices/waiting.js';
import { bootSetOf, ensureBootSet, usableBootSet } from '../../src/app/images/boot-set-job.js';
import { setSourcesOf } from '../../src/app/images/derivatives.js';
import type { Derivative } from '../../src/app/images/ports.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import type { Store } from '../../src/app/store/ports.js';
import { sourcesKey } from '../../src/domain/boot-set.js';
import { adapters } from './support/databases.js';
import { firstBoot } from './support/first-boot.js';
import { makeFleet, makeImage, makeTenant, who } from './support/fleet.js';
import { facts, someTime } from './support/records.js';
import { testIds } from './support/world.js';
import { noPower } from './support/no-power.js';

const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
const none = async (): Promise<never> => Promise.reject(new Error('no disk in this test'));
const prepare = createPrepare({
  enqueue,
  clock: systemClock,
  hasDirectories: false,
  rootDisks: { make: none, retire: async () => undefined, keep: none },
});
const waiting = createWaiting({ clock: systemClock, ...noPower });
const wish = (change: Partial<Provision> = {}): Provision =>
  Provision.parse({ image: 'debian:12', rootMode: 'sd', any: true, ...change });
const valueOf = (result: Result<Device>): Device => (result.ok ? result.value : expect.fail(result.detail));

const derive = (store: Store, image: string, change: Pick<Derivative, 'kind' | 'variant'> & Partial<Derivative>) =>
  store.transaction(async (tx) => {
    const blob = testIds.randomHex(32);
    await tx.blobs.record({ digest: blob, size: 9 }, someTime);
    await tx.images.saveDerivative({ image, blob, size: 9, recipe: '1', createdAt: someTime, ...change });
  });
const sourcesOf = async (store: Store, image: string) =>
  store.read(async (tx) => setSourcesOf(await tx.images.derivatives(image)));
const jobsOf = async (store: Store) =>
  (await store.read((tx) => tx.jobs.list({}, { limit: 10 }))).items.map(({ kind }) => kind);

describe('what is asked for', () => {
  it('has no kernel parameters of its own with root mode sd', () => {
    const wanted = { image: 'debian:12', rootMode: 'sd', kernelParameters: 'quiet' };
    for (const parsed of [Provision.safeParse({ ...wanted, any: true }), Reimage.safeParse(wanted)])
      expect(parsed.error?.issues).toMatchObject([
        { path: ['kernelParameters'], message: expect.stringContaining('cmdline.txt') as string },
      ]);
    expect(Reimage.safeParse({ ...wanted, rootMode: 'ram' }).success).toBe(true);
  });
});

describe.each(adapters())('root mode sd on $name', ({ create }) => {
  const open = async (rootModes: ('ram' | 'sd')[] = ['ram', 'sd']) => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const image = await makeImage(store, { facts: facts({ rootModes }) });
    await makeFleet(store, tenant, 2);
    const provisioning = createProvisioning({
      ...{ store, clock: systemClock, prepare, enqueue, firstBoot, defaultTenant: tenant },
      ...noPower,
    });
    return {
      ...{ store, tenant, image },
      provision: (wanted: Provision) => provisioning.provision(who(tenant), wanted),
      reimage: (ref: string, wanted: Record<string, unknown>) =>
        provisioning.reimage(who(tenant), ref, Reimage.parse(wanted)),
    };
  };

  it('is refused for an image that cannot, with those it can', async () => {
    const { provision } = await open(['ram']);
    expect(await provision(wish())).toMatchObject({
      code: 'image.unfit',
      remedy: 'Use one of its root modes: ram.',
      errors: [{ field: 'rootMode' }],
    });
  });

  it('is what a board keeps with another image, unless another mode is named', async () => {
    const { provision, reimage, image } = await open();
    const { name } = valueOf(await provision(wish()));
    const next = { image: image.id };
    const modeOf = (result: Result<Device>) => valueOf(result).assignment?.rootMode;
    expect(modeOf(await reimage(name, next))).toBe('sd');
    expect(await reimage(name, { ...next, kernelParameters: 'quiet' })).toMatchObject({
      code: 'request.invalid',
      detail: expect.stringContaining('The device has root mode sd') as string,
      errors: [{ field: 'kernelParameters' }],
    });
    expect(modeOf(await reimage(name, { ...next, rootMode: 'ram', kernelParameters: 'quiet' }))).toBe('ram');
  });

  it('waits for root and boot files with one job for all, and not for the root alone', async () => {
    const { store, image, provision } = await open();
    const device = valueOf(await provision(wish()));
    expect(device).toMatchObject({ state: 'preparing', stateReason: expect.stringContaining('cards hold') as string });
    valueOf(await provision(wish()));
    expect(await jobsOf(store)).toEqual(['image.boot-set']);
    const stateOf = async () => (await store.read((tx) => tx.devices.get(device.id)))?.state;
    await store.transaction((tx) => waiting.markReady(tx, image.id, ['ram', 'stream']));
    expect(await stateOf()).toBe('preparing');
    await store.transaction((tx) => waiting.markReady(tx, image.id, ['sd']));
    expect(await stateOf()).toBe('in-use');
  });

  it('goes on with the set there is while another is made, once', async () => {
    const { store, image, provision } = await open();
    await derive(store, image.id, { kind: 'boot-tree', variant: '' });
    await derive(store, image.id, { kind: 'initramfs', variant: 'common/arm64' });
    await derive(store, image.id, { kind: 'root-squashfs', variant: 'xz' });
    expect(await sourcesOf(store, image.id)).toBeUndefined();
    await derive(store, image.id, { kind: 'card-initramfs', variant: 'arm64' });
    const sources = await sourcesOf(store, image.id);
    expect(sources?.initramfs.map(({ kind }) => kind)).toEqual(['common', 'card']);
    const id = 'f'.repeat(64);
    await derive(store, image.id, { kind: 'boot-set', variant: '', recipe: `${sourcesKey(sources!)} ${id}` });
    expect((await store.read((tx) => bootSetOf(tx, image.id)))?.id).toBe(id);
    expect(valueOf(await provision(wish())).state).toBe('in-use');
    expect(await jobsOf(store)).toEqual([]);
    await derive(store, image.id, { kind: 'initramfs', variant: 'common/arm64' });
    expect(await store.read((tx) => bootSetOf(tx, image.id))).toBeUndefined();
    expect((await store.read((tx) => usableBootSet(tx, image.id)))?.id).toBe(id);
    for (const _ of [1, 2]) await store.transaction((tx) => ensureBootSet({ enqueue }, tx, image));
    expect(await jobsOf(store)).toEqual(['image.boot-set']);
  });
});
