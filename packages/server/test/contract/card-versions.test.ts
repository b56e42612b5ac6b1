import { describe, expect, it } from 'vitest';
import { versionFor, type VersionedAnswer } from '../../src/app/boot/card-version.js';
import { createCardKeys } from '../../src/app/boot/signing-key.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { makeFleet, makeTenant, who } from './support/fleet.js';
import { testIds } from './support/world.js';

const digest = (letter: string): string => letter.repeat(64);
const said = (change: Partial<VersionedAnswer> = {}): VersionedAnswer => ({
  ...{ hostname: 'pi', overlaySize: '50%', image: 'debian:12' },
  ...{ rootSha256: digest('1'), rootSize: 1, bootSha256: digest('2'), bootSize: 2, bootId: digest('3') },
  ...{ configSha256: digest('4'), configSize: 4 },
  ...change,
});
const now = Date.UTC(2026, 0, 1);
const versionOf = (store: Store, device: string, change: Partial<VersionedAnswer> = {}, at = now): Promise<number> =>
  store.transaction((tx) => versionFor(tx, device, said(change), at));

describe.each(adapters())('what cards were told, on $name', ({ create }) => {
  const open = async () => {
    const database = await create();
    const store = await database.open();
    const [a, b] = await makeFleet(store, await makeTenant(store, 'default'), 2);
    return { store, other: await database.open(), a: a!.id, b: b!.id };
  };

  it('has a version that grows when and only when it is another', async () => {
    const { store, a } = await open();
    const first = await versionOf(store, a);
    expect(first).toBe(now / 1000);
    expect(await versionOf(store, a, {}, now + 60_000)).toBe(first);
    const second = await versionOf(store, a, { rootSize: 2 });
    expect(second).toBe(first + 1);
    expect(await versionOf(store, a, { rootSize: 2, nextKey: 'k' })).toBe(first + 2);
    // Back to what it was is another thing again, and no clock that was set back takes the number back.
    expect(await versionOf(store, a, {}, now - 3_600_000)).toBe(first + 3);
  });

  it('has a version for each device, gone with it', async () => {
    const { store, a, b } = await open();
    await versionOf(store, a);
    await versionOf(store, a, { hostname: 'x' });
    expect(await versionOf(store, b)).toBe(now / 1000);
    await store.transaction((tx) => tx.devices.delete(a));
    expect(await store.read((tx) => tx.cardVersions.get(a))).toBeUndefined();
  });

  it('has one version, whichever of two servers is asked at once', async () => {
    const { store, other, a } = await open();
    await versionOf(store, a);
    const same = await Promise.all([store, other, store, other].map((each) => versionOf(each, a, { rootSize: 7 })));
    expect(new Set(same)).toEqual(new Set([now / 1000 + 1]));
    const apart = await Promise.all([
      ...[1, 2, 3].map((size) => versionOf(store, a, { bootSize: 10 + size })),
      ...[4, 5, 6].map((size) => versionOf(other, a, { bootSize: 10 + size })),
    ]);
    expect(new Set(apart).size).toBe(6);
  });

  it('is signed with one key, whichever server is the first to need it, and rolled once', async () => {
    const { store, other } = await open();
    const clock = { now: () => now };
    const [here, there] = [store, other].map((each) => createCardKeys({ store: each, ids: testIds, clock }));
    const [one, two] = await Promise.all([here!.show(who(null, 'reader')), there!.show(who(null, 'reader'))]);
    expect(one).toEqual(two);
    expect(one).toMatchObject({ ok: true, value: { next: null } });
    const rolled = await Promise.all([here!, there!].map((each) => each.roll(who(null), { finish: false })));
    expect(rolled.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await here!.roll(who(null, 'operator'), { finish: true })).toMatchObject({ code: 'auth.forbidden' });
    expect(await here!.roll(who(testIds.next('ten')), { finish: true })).toMatchObject({ code: 'auth.forbidden' });
    const finished = await there!.roll(who(null), { finish: true });
    const announced = rolled.flatMap((each) => (each.ok ? [each.value.next] : []));
    expect(finished).toMatchObject({ ok: true, value: { publicKey: announced[0], next: null } });
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 100 }));
    const types = events.map(({ type }) => type).filter((type) => type.startsWith('card-key.'));
    expect(types).toEqual(['card-key.rolled', 'card-key.switched']);
  });
});
