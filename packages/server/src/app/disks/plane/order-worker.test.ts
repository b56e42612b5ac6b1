import { refusal, RefusedError } from '@drover/contract';
import { describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../../../test/boot/log.js';
import { pause } from '../../jobs/pause.js';
import type { DiskOrder, DiskOrderReport } from '../orders.js';
import type { DiskFacts, DiskPool } from '../pool.js';
import { createOrderWorker } from './order-worker.js';

const facts = (disk: string): DiskFacts => ({ disk, base: null, snapshots: [], depth: 0, ownBytes: 0 });

/** A control plane and a pool that do as the test says. */
function world(over: Partial<DiskPool> = {}) {
  const did: string[] = [];
  const standing = new Map<string, DiskOrder>();
  const said: DiskOrderReport[] = [];
  let isAway = false;
  const woken: (() => void)[] = [];
  const changed = (): void => {
    for (const wake of woken.splice(0)) wake();
  };
  const note =
    (what: string) =>
    async (disk: string): Promise<void> => {
      did.push(`${what} ${disk}`);
    };
  const pool: DiskPool = {
    create: async ({ disk }) => note('create')(disk),
    hold: () => Promise.reject(new Error('not here')),
    holdImage: () => Promise.reject(new Error('not here')),
    list: async () => [],
    facts: async (disk) => facts(disk),
    snapshot: note('snapshot'),
    forgetSnapshot: note('forget'),
    resize: note('resize'),
    growRoot: async () => ({ kind: 'none' }),
    backup: async (disk) => {
      did.push(`backup ${disk}`);
      return { format: 'qcow2', size: 1024 };
    },
    dropBackup: note('drop backup of'),
    flatten: note('flatten'),
    check: async () => [],
    remove: note('remove'),
    close: async () => undefined,
    ...over,
  };
  const attachments = {
    refresh: note('refresh'),
    forget: () => void did.push('forget'),
    letGo: (disk: string, device: string, force: boolean) => note(force ? 'take' : 'ask for')(`${disk} of ${device}`),
  };
  const worker = createOrderWorker({
    attachments,
    challenge: async (device) => device === 'dev_alive',
    exchange: async (known, reports, signal) => {
      if (isAway) throw new Error('away');
      for (const each of reports) {
        said.push(each);
        if (each.state !== 'running') standing.delete(each.order);
      }
      if (known.length === standing.size && known.every((id) => standing.has(id)))
        await new Promise<void>((resolve, reject) => {
          woken.push(resolve);
          signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
        });
      return [...standing.values()];
    },
    pool,
    withoutDisk: (disk, _reason, work) => {
      did.push(`without ${disk}`);
      return work();
    },
    log: silentLog,
    pause: (ms, signal) => pause(Math.min(ms, 2), signal),
  });
  return {
    ...{ did, said, worker, standing, pool, attachments },
    give: (order: DiskOrder) => {
      standing.set(order.id, order);
      changed();
    },
    cancel: (id: string) => {
      standing.delete(id);
      changed();
    },
    away: (state: boolean) => {
      isAway = state;
      changed();
    },
    lastWord: async (id: string): Promise<DiskOrderReport> => {
      for (;;) {
        const last = said.find((each) => each.order === id && each.state !== 'running');
        if (last !== undefined) return last;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
  };
}

const resize = (id: string): DiskOrder => ({ id, work: { kind: 'resize', disk: `dsk_${id}`, size: 1024 } });

describe('orders about disks', () => {
  it('are carried out once, and reported with the disk as it is then', async () => {
    const it_ = world();
    await it_.worker.start(new AbortController().signal);
    it_.give(resize('a'));
    expect(await it_.lastWord('a')).toEqual({
      ...{ order: 'a', state: 'done' },
      result: { facts: facts('dsk_a'), growth: { kind: 'none' } },
    });
    it_.give(resize('b'));
    await it_.lastWord('b');
    expect(it_.did).toEqual(['resize dsk_a', 'resize dsk_b']);
    await it_.worker.stop();
  });

  it('about boards go to those, and leave the disk as it is', async () => {
    const it_ = world();
    await it_.worker.start(new AbortController().signal);
    it_.give({ id: 'a', work: { kind: 'attach', disk: 'dsk_a', device: 'dev_a' } });
    expect(await it_.lastWord('a')).toEqual({ order: 'a', state: 'done', result: { facts: null } });
    it_.give({ id: 'b', work: { kind: 'detach', disk: 'dsk_a', device: 'dev_a', force: false } });
    await it_.lastWord('b');
    expect(it_.did).toEqual(['refresh dev_a', 'ask for dsk_a of dev_a']);
    await it_.worker.stop();
  });

  it('that are refused are reported with the reason, and a fault without its details', async () => {
    const refused = refusal('disk.not-found', 'There is no such disk.');
    const it_ = world({
      resize: () => Promise.reject(new RefusedError(refused)),
      check: () => Promise.reject(new Error('secret path')),
    });
    await it_.worker.start(new AbortController().signal);
    it_.give(resize('a'));
    expect(await it_.lastWord('a')).toEqual({ order: 'a', state: 'refused', refusal: refused });
    it_.give({ id: 'b', work: { kind: 'check', disk: 'dsk_b' } });
    const last = await it_.lastWord('b');
    expect(last).toMatchObject({ state: 'refused', refusal: { code: 'server.fault' } });
    expect(JSON.stringify(last)).not.toContain('secret path');
    await it_.worker.stop();
  });

  it('go on while the control plane is away, and are reported when it is back', async () => {
    let finish: (() => void) | undefined;
    const it_ = world({ flatten: () => new Promise((resolve) => (finish = resolve)) });
    await it_.worker.start(new AbortController().signal);
    it_.give({ id: 'a', work: { kind: 'flatten', disk: 'dsk_a' } });
    while (finish === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
    it_.away(true);
    finish();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(it_.said.filter(({ state }) => state !== 'running')).toEqual([]);
    it_.away(false);
    expect(await it_.lastWord('a')).toMatchObject({ state: 'done' });
    await it_.worker.stop();
  });

  it('that no longer stand are ended, and say nothing more', async () => {
    let ended = false;
    const it_ = world({
      flatten: (_disk, { signal, progress }) =>
        new Promise((_resolve, reject) => {
          progress(1, 10);
          signal.addEventListener('abort', () => {
            ended = true;
            reject(new Error('aborted'));
          });
        }),
    });
    await it_.worker.start(new AbortController().signal);
    it_.give({ id: 'a', work: { kind: 'flatten', disk: 'dsk_a' } });
    while (!it_.said.some(({ state }) => state === 'running')) {
      it_.give(resize('nudge'));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    it_.cancel('a');
    while (!ended) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(it_.said.filter(({ order, state }) => order === 'a' && state !== 'running')).toEqual([]);
    await it_.worker.stop();
  });

  it('may be to ask anew what a device may have, as does everybody when the control plane was away', async () => {
    const it_ = world();
    await it_.worker.start(new AbortController().signal);
    it_.give({ id: 'a', work: { kind: 'refresh', device: 'dev_1' } });
    await vi.waitFor(() => expect(it_.standing.size).toBe(0));
    expect(it_.did).toEqual(['refresh dev_1']);
    it_.away(true);
    it_.give({ id: 'b', work: { kind: 'refresh', device: 'dev_2' } });
    await new Promise((resolve) => setTimeout(resolve, 20));
    it_.away(false);
    await vi.waitFor(() => expect(it_.standing.size).toBe(0));
    await vi.waitFor(() => expect(it_.did.toSorted()).toEqual(['forget', 'refresh dev_1', 'refresh dev_2']));
    await it_.worker.stop();
  });

  it('may ask whether a board answers', async () => {
    const it_ = world();
    await it_.worker.start(new AbortController().signal);
    it_.give({ id: 'a', work: { kind: 'challenge', device: 'dev_alive' } });
    it_.give({ id: 'b', work: { kind: 'challenge', device: 'dev_off' } });
    await vi.waitFor(() => expect(it_.standing.size).toBe(0));
    expect(it_.said.map((each) => each.state === 'done' && [each.order, each.result.isAlive])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    await it_.worker.stop();
  });

  it('are not asked for without end when nobody waits before answering', async () => {
    const pauses: number[] = [];
    const asked = world();
    const worker = createOrderWorker({
      exchange: async () => [],
      pool: asked.pool,
      attachments: asked.attachments,
      challenge: () => Promise.resolve(false),
      withoutDisk: (_disk, _reason, work) => work(),
      log: silentLog,
      pause: (ms, signal) => {
        pauses.push(ms);
        return pause(20, signal);
      },
      idleMs: 77,
    });
    await worker.start(new AbortController().signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await worker.stop();
    expect(pauses.length).toBeLessThan(5);
    expect(new Set(pauses)).toEqual(new Set([77]));
  });

  it('are begun anew by the next boot plane, which a stop does not wait for', async () => {
    const it_ = world({
      flatten: (_disk, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    });
    await it_.worker.start(new AbortController().signal);
    it_.give({ id: 'a', work: { kind: 'flatten', disk: 'dsk_a' } });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await it_.worker.stop();
    expect(it_.standing.has('a')).toBe(true);
  });
});
