import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../app/events/ports.js';
import type { Log } from '../../app/ports.js';
import { createFeed } from './feed.js';

const event = (id: number): StoredEvent => ({
  id,
  type: 'device.updated',
  at: '2026-01-01T00:00:00.000Z',
  tenant: null,
  subject: `s${id}`,
  data: {},
});
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quiet,
};

const feedOf = (stored: StoredEvent[], position = 0, failures = { left: 0 }, log = quiet) =>
  createFeed({
    after: async (id, limit) => {
      await sleep(1);
      if (failures.left > 0) {
        failures.left -= 1;
        throw new Error('the database is away');
      }
      return stored.filter((one) => one.id > id).slice(0, limit);
    },
    position,
    pollMs: 20,
    log,
  });

describe('the event feed', () => {
  it('delivers every event once, in order, however often it is woken', async () => {
    const stored: StoredEvent[] = [];
    const feed = feedOf(stored);
    const seen: number[] = [];
    feed.subscribe(({ id }) => seen.push(id));
    for (let id = 1; id <= 1200; id += 1) {
      stored.push(event(id));
      if (id % 7 === 0) feed.wake(id);
      if (id % 100 === 0) await sleep(1);
    }
    for (let waited = 0; seen.length < 1200 && waited < 2000; waited += 10) await sleep(10);
    expect(seen).toEqual(stored.map(({ id }) => id));
    await feed.stop();
  });

  it('does not tell a new listener what this process had committed before', async () => {
    const stored = [event(1)];
    const feed = feedOf(stored);
    feed.wake(1);
    const seen: number[] = [];
    feed.subscribe(({ id }) => seen.push(id));
    stored.push(event(2));
    feed.wake(2);
    for (let waited = 0; seen.length < 1 && waited < 2000; waited += 10) await sleep(10);
    expect(seen).toEqual([2]);
    await feed.stop();
  });

  it('goes on after the database was away, which it tells once, and is quiet once stopped', async () => {
    const stored = [event(1)];
    const said: string[] = [];
    const say = (_fields: object, message: string): void => void said.push(message);
    const feed = feedOf(stored, 0, { left: 5 }, { ...quiet, warn: say, info: say });
    const seen: number[] = [];
    feed.subscribe(({ id }) => seen.push(id));
    for (let waited = 0; seen.length < 1 && waited < 2000; waited += 10) await sleep(10);
    expect(seen).toEqual([1]);
    expect(said).toEqual(['the event feed could not read; it tries on', 'the event feed reads again']);
    await feed.stop();
    stored.push(event(2));
    feed.wake(2);
    await sleep(60);
    expect(seen).toEqual([1]);
  });
});
