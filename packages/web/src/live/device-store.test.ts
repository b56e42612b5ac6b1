import type { Device } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { createDeviceStore, type DeviceSource } from './device-store.js';

const device = (id: string, name = id): Device => ({ id, name }) as Device;

/** A store whose clock and frames the test moves. */
const begin = (boards: Record<string, Device>) => {
  const asked: string[] = [];
  let now = 0;
  let due: { at: number; run: () => void }[] = [];
  let frames: (() => void)[] = [];
  const source: DeviceSource = {
    all: async () => {
      asked.push('all');
      return Object.values(boards);
    },
    one: async (id) => {
      asked.push(id);
      return boards[id];
    },
  };
  const store = createDeviceStore(source, {
    frame: (run) => frames.push(run),
    later: (run, ms) => due.push({ at: now + ms, run }),
    now: () => now,
  });
  let told = 0;
  store.subscribe(() => (told += 1));
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  };
  return {
    ...{ store, asked, settle },
    told: () => told,
    pass: async (ms: number) => {
      now += ms;
      const ready = due.filter(({ at }) => at <= now);
      due = due.filter(({ at }) => at > now);
      for (const { run } of ready) run();
      await settle();
    },
    frame: () => {
      const waiting = frames;
      frames = [];
      for (const run of waiting) run();
    },
  };
};

describe('the store of boards', () => {
  it('reads everything once, then what changed', async () => {
    const boards: Record<string, Device> = { dev_1: device('dev_1'), dev_2: device('dev_2') };
    const { store, asked, pass, frame } = begin(boards);
    store.reload();
    await pass(0);
    expect(store.snapshot()).toMatchObject({ isLoaded: true, devices: [{ id: 'dev_1' }, { id: 'dev_2' }] });
    boards['dev_1'] = device('dev_1', 'renamed');
    delete boards['dev_2'];
    store.touch(['dev_1', 'dev_2']);
    store.touch(['dev_1']);
    await pass(150);
    frame();
    expect(asked).toEqual(['all', 'dev_1', 'dev_2']);
    expect(store.snapshot().devices.map(({ name }) => name)).toEqual(['renamed']);
  });

  it('reads everything instead when much changed, and not without end', async () => {
    const { store, asked, pass } = begin({ dev_1: device('dev_1') });
    store.reload();
    await pass(0);
    for (let round = 0; round < 5; round += 1) {
      store.touch(Array.from({ length: 30 }, (_, index) => `dev_${round}${index}`));
      await pass(150);
    }
    expect(asked).toEqual(['all']);
    await pass(3000);
    expect(asked).toEqual(['all', 'all']);
  });

  it('shows many changes between two frames as one', async () => {
    const { store, told, frame } = begin({});
    for (let count = 0; count < 100; count += 1) store.put(device(`dev_${count}`));
    expect(told()).toBe(0);
    frame();
    expect(told()).toBe(1);
    expect(store.snapshot().devices).toHaveLength(100);
  });

  it('keeps what it has when the server is away, and forgets it for whoever comes next', async () => {
    const boards = { dev_1: device('dev_1') };
    const { store, pass } = begin(boards);
    store.reload();
    await pass(0);
    Object.defineProperty(boards, 'dev_1', { get: () => Promise.reject(new Error('away')) as never });
    store.touch(['dev_1']);
    await pass(150);
    expect(store.snapshot()).toMatchObject({ error: new Error('away'), devices: [{ id: 'dev_1' }] });
    store.clear();
    expect(store.snapshot()).toMatchObject({ isLoaded: false, devices: [], error: undefined });
  });
});
