import { describe, expect, it } from 'vitest';
import type { Assignment, DomainEvent } from '@drover/contract';
import type { Beat } from '../../src/domain/device-health.js';
import { createDevices } from '../../src/app/devices/devices.js';
import { createRecordBeats } from '../../src/app/boot/record-beats.js';
import { createSilenceWatch } from '../../src/app/boot/silence.js';
import { createRecordTelemetry } from '../../src/app/boot/record-telemetry.js';
import type { SessionRecord, Telemetry } from '../../src/app/boot/ports.js';
import type { DeviceRecord } from '../../src/app/devices/ports.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { makeFleet, makeImage, makeTenant, who } from './support/fleet.js';
import { createTestClock, createTestLog, iso } from './support/world.js';
import { noPower } from './support/no-power.js';

const everySeconds = 300;
const minute = 60_000;
const well: Beat = {
  health: 'ok',
  checks: [],
  uptimeSeconds: 90,
  image: 'debian:12',
  root: 'a'.repeat(64),
  offline: false,
};
const ill: Beat = { ...well, health: 'failing', checks: ['disk', 'player'] };

/** A session id of that moment, as ids/ulid has it. */
const sessionAt = (ms: number, tail: string): string => {
  const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  let time = '';
  for (let rest = ms; time.length < 10; rest = Math.floor(rest / 32)) time = alphabet.charAt(rest % 32) + time;
  return `bs_${time}${tail.padStart(16, '0')}`;
};

const setUp = async (store: Store) => {
  const clock = createTestClock();
  const tenant = await makeTenant(store, 'a');
  const image = await makeImage(store);
  const assignment: Assignment = {
    ...{ image: image.id, imageName: 'debian:12', rootMode: 'sd', disk: null, kernelParameters: '', generation: 1 },
    assignedAt: iso(clock.now()),
    leaseUntil: null,
  };
  const fleet = await makeFleet(store, tenant, 3, () => ({ state: 'in-use', assignment }));
  const [board] = fleet;
  const devices = createDevices({ store, clock, ...noPower });
  const record = createRecordTelemetry({
    ...{ store, clock, site: 'default', recordBeats: createRecordBeats({ clock, everySeconds }) },
    timelines: { open: async () => [], append: async () => [], end: async () => [] },
    feed: { publish: () => undefined, subscribe: () => () => undefined },
  });
  let batches = 0;
  const session = async (device: DeviceRecord, change: Partial<SessionRecord> = {}): Promise<string> => {
    const id = sessionAt(clock.now(), String((batches += 1)));
    await store.transaction((tx) =>
      tx.sessions.insert({
        ...{
          id,
          device: device.id,
          stage: 'up',
          outcome: 'up',
          verdict: null,
          firmware: 'ee',
          model: 'pi4',
          mac: null,
        },
        ...{ bootPrefix: null, address: null, generation: 1, startedAt: iso(clock.now()), upAt: null, endedAt: null },
        ...{ bytes: 0, nonceHash: 'x', exchangedAt: null, secretExpiresAt: 0 },
        ...change,
      }),
    );
    return id;
  };
  const send = (of: string, beat: Beat, at = clock.now()) => {
    const item: Telemetry = { kind: 'beat', session: of, at: iso(at), beat };
    return record(`b${(batches += 1)}`, [item]);
  };
  const hear = (of: string, at = clock.now()) =>
    record(`b${(batches += 1)}`, [{ kind: 'heard', session: of, at: iso(at) }]);
  const health = async (device = board!) => {
    const got = await devices.get(who(tenant, 'reader'), device.id);
    return got.ok ? got.value : expect.fail(got.detail);
  };
  const events = async (): Promise<DomainEvent[]> =>
    store.read((tx) => tx.events.list({ after: 0, limit: 100, type: 'device.health' }));
  const listed = async (wanted: 'healthy' | 'failing' | 'silent' | 'unknown'): Promise<string[]> => {
    const page = await devices.list(who(tenant, 'reader'), { limit: 10, health: wanted });
    return page.ok ? page.value.items.map(({ name }) => name).sort() : expect.fail(page.detail);
  };
  return { clock, store, board: board!, fleet, session, send, hear, health, events, listed, assignment };
};

describe.each(adapters())('heartbeats on $name', ({ create }) => {
  const world = async () => setUp(await (await create()).open());

  it('are shown with the device, and move when it was seen', async () => {
    const { clock, board, session, send, health } = await world();
    expect((await health()).health).toEqual({
      ...{ status: 'unknown', checks: [], reportedAt: null, uptimeSeconds: null },
      ...{ image: null, root: null, offline: null, fellBack: false },
    });
    const before = (await health()).etag;
    const id = await session(board);
    await send(id, { ...ill, offline: true });
    const shown = await health();
    expect(shown.health).toEqual({
      ...{ status: 'failing', checks: ['disk', 'player'], reportedAt: iso(clock.now()), uptimeSeconds: 90 },
      ...{ image: 'debian:12', root: 'a'.repeat(64), offline: true, fellBack: false },
    });
    expect(shown.lastSeenAt).toBe(iso(clock.now()));
    // Telemetry: who changes the device meanwhile is not told that it is another.
    expect(shown.etag).toBe(before);
    clock.advance(5 * minute);
    await send(id, { ...ill, uptimeSeconds: 390 });
    expect(await health()).toMatchObject({
      lastSeenAt: iso(clock.now()),
      health: { uptimeSeconds: 390, reportedAt: iso(clock.now()), offline: false },
    });
  });

  it('have other signs of life beside them, which move nothing but when the device was seen, and that not back', async () => {
    const { clock, board, session, send, hear, health, fleet } = await world();
    const id = await session(board);
    const seen = async () => (await health()).lastSeenAt;
    await send(id, well);
    const { health: before, etag } = await health();
    clock.advance(minute);
    await hear(id);
    expect(await health()).toMatchObject({ lastSeenAt: iso(clock.now()), health: before, etag });
    const last = await seen();
    await hear(id, clock.now() - 1_000);
    await send(id, { ...well, uptimeSeconds: 91 }, clock.now() - 1_000);
    expect(await seen()).toBe(last);
    clock.advance(minute);
    // Of a clock that runs ahead, of a boot that proved nothing, or that was revoked.
    await hear(id, clock.now() + minute);
    expect(await seen()).toBe(iso(clock.now()));
    const other = fleet[1]!;
    await hear(await session(other, { nonceHash: null }));
    await hear(await session(other, { outcome: 'revoked' }));
    expect((await health(other)).lastSeenAt).toBeNull();
  });

  it('make an event when the health changes or a silent board is back, and no other', async () => {
    const { clock, board, session, send, events } = await world();
    const id = await session(board);
    const kinds = async () => (await events()).map(({ data }) => [data['was'], data['health']]);
    for (let beat = 0; beat < 5; beat += 1) {
      await send(id, well);
      clock.advance(5 * minute);
    }
    expect(await kinds()).toEqual([]);
    for (const beat of [ill, { ...ill, checks: ['disk'] }, well, well]) await send(id, beat);
    expect(await kinds()).toEqual([
      ['healthy', 'failing'],
      ['failing', 'healthy'],
    ]);
    expect((await events())[0]).toMatchObject({
      subject: board.id,
      data: { name: board.name, checks: ['disk', 'player'], session: id },
    });
    clock.advance(15 * minute + 1);
    await send(id, well);
    await send(id, well);
    expect((await kinds()).slice(2)).toEqual([['silent', 'healthy']]);
  });

  it('that fail from the first are an event', async () => {
    const { board, session, send, events } = await world();
    await send(await session(board), ill);
    expect((await events()).map(({ data }) => data['was'])).toEqual(['unknown']);
  });

  it('are looked for by what they say, and three missing ones are silence', async () => {
    const { clock, fleet, session, send, listed, health } = await world();
    const [a, b, c] = fleet;
    await send(await session(a!), well);
    await send(await session(b!), ill);
    const all = async () => [
      await listed('healthy'),
      await listed('failing'),
      await listed('silent'),
      await listed('unknown'),
    ];
    expect(await all()).toEqual([[a!.name], [b!.name], [], [c!.name]]);
    clock.advance(15 * minute);
    expect(await all()).toEqual([[a!.name], [b!.name], [], [c!.name]]);
    clock.advance(1);
    expect(await all()).toEqual([[], [], [a!.name, b!.name].sort(), [c!.name]]);
    expect((await health(b)).health).toMatchObject({ status: 'silent', checks: ['disk', 'player'] });
  });

  it('that stop are told of once, and again when they stop again', async () => {
    const { clock, store, fleet, session, send, events, listed, health } = await world();
    const [a, b] = fleet;
    const silence = createSilenceWatch({ store, clock, log: createTestLog(), everySeconds });
    const ids = [await session(a!), await session(b!)];
    await send(ids[0]!, well);
    clock.advance(minute);
    await send(ids[1]!, ill);
    clock.advance(14 * minute);
    expect(await silence.watch()).toBe(0);
    clock.advance(1);
    expect(await silence.watch()).toBe(1);
    expect(await silence.watch()).toBe(0);
    const of = async () => (await events()).filter(({ subject }) => subject === a!.id);
    expect((await of())[0]).toMatchObject({
      subject: a!.id,
      data: { was: 'healthy', health: 'silent', session: ids[0] },
    });
    // Sent in time, and long on its way: it is heard again all the same.
    await send(ids[0]!, well, clock.now() - minute);
    expect((await of())[1]).toMatchObject({ subject: a!.id, data: { was: 'silent', health: 'healthy' } });
    expect((await health(a)).health.status).toBe('healthy');
    clock.advance(15 * minute);
    expect(await silence.watch()).toBe(2);
    expect(await listed('silent')).toEqual([a!.name, b!.name].sort());
  });

  it('of an image that is not the assigned one say that the board fell back to it', async () => {
    const { store, board, session, send, health, events, assignment } = await world();
    const next = { ...assignment, imageName: 'debian:13', generation: 2 };
    await send(await session(board), well);
    await store.transaction((tx) => tx.devices.update(board.id, 1, { assignment: next, upGeneration: 1 }));
    // It has not been told of the new one yet.
    expect((await health()).health.fellBack).toBe(false);
    await store.transaction((tx) => tx.devices.update(board.id, 2, { upGeneration: 2 }));
    const id = await session(board, { generation: 2 });
    await send(id, { ...well, uptimeSeconds: 30 });
    await send(id, { ...well, uptimeSeconds: 330 });
    expect((await health()).health).toMatchObject({ status: 'healthy', image: 'debian:12', fellBack: true });
    expect((await events()).map(({ data }) => data)).toMatchObject([{ fellBack: true, image: 'debian:12' }]);
    await send(id, { ...well, image: 'debian:13' });
    expect((await health()).health).toMatchObject({ image: 'debian:13', fellBack: false });
  });

  it('say nothing of a device that is not to run from its card any more', async () => {
    const { store, board, session, send, health, listed, assignment } = await world();
    await send(await session(board), ill);
    const change = { assignment: { ...assignment, rootMode: 'ram' as const } };
    await store.transaction((tx) => tx.devices.update(board.id, 1, change));
    expect((await health()).health).toMatchObject({ status: 'unknown', checks: [], reportedAt: null });
    expect(await listed('failing')).toEqual([]);
    expect(await listed('unknown')).toContain(board.name);
  });

  it('of an earlier boot, of none, of one that was revoked or never exchanged are not taken', async () => {
    const { clock, store, board, session, send, health } = await world();
    const old = await session(board);
    await send(old, ill);
    clock.advance(minute);
    const fresh = await session(board);
    await send(fresh, well);
    await send(old, ill);
    expect((await health()).health.status).toBe('healthy');
    clock.advance(minute);
    await send(sessionAt(clock.now(), 'NONE'), ill);
    await send(await session(board, { nonceHash: null }), ill);
    await send(await session(board, { outcome: 'revoked' }), ill);
    expect((await health()).health.status).toBe('healthy');
    await store.transaction((tx) => tx.sessions.update(fresh, { outcome: 'revoked' }));
    expect((await send(fresh, { ...well, uptimeSeconds: 1 })).revoked).toEqual([fresh]);
    expect((await health()).health.uptimeSeconds).toBe(90);
  });

  it('from a clock that runs ahead do not keep a board from being silent', async () => {
    const { clock, board, session, send, health } = await world();
    await send(await session(board), well, clock.now() + 365 * 24 * 60 * minute);
    expect((await health()).health.reportedAt).toBe(iso(clock.now()));
    clock.advance(16 * minute);
    expect((await health()).health.status).toBe('silent');
  });
});
