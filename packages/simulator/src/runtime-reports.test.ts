import { describe, expect, it } from 'vitest';
import { createReportQueue } from './runtime-reports.js';

const setup = (statuses: number[] = []) => {
  const posted: string[] = [];
  const pauses: number[] = [];
  let now = 0;
  const queue = createReportQueue({
    uptime: () => now,
    pause: async (attempt) => void pauses.push(attempt),
    post: async (query, body) => {
      const { step, state, log, message } = Object.fromEntries(new URLSearchParams(query));
      posted.push([step, state, log, message, body].filter((part) => part !== undefined && part !== '').join(' '));
      return statuses.shift() ?? 204;
    },
  });
  return { queue, posted, pauses, advance: (seconds: number) => void (now += seconds) };
};

describe('reports', () => {
  it('wait for a way to the server, and arrive in order', async () => {
    const { queue, posted } = setup();
    await queue.report('start', 'ok', 'a\u00fcb');
    await queue.report('network', 'start');
    expect(posted).toEqual([]);
    queue.open();
    await queue.report('network', 'ok');
    expect(posted).toEqual(['start ok a b', 'network start', 'network ok']);
  });

  it('wait some seconds after an attempt that failed, and lose nothing', async () => {
    const { queue, posted, advance } = setup([0, 503]);
    queue.open();
    await queue.report('clock', 'start');
    await queue.report('clock', 'ok');
    expect(posted).toEqual(['clock start']);
    advance(10);
    await queue.report('exchange', 'start');
    expect(posted).toEqual(['clock start', 'clock start']);
    advance(10);
    await queue.report('exchange', 'ok');
    expect(posted.slice(2)).toEqual(['clock start', 'clock ok', 'exchange start', 'exchange ok']);
  });

  it('that are refused are not sent for ever', async () => {
    const { queue, posted } = setup([403]);
    queue.open();
    await queue.report('clock', 'start');
    await queue.report('clock', 'ok');
    expect(posted).toEqual(['clock start', 'clock ok']);
  });

  it('are insisted on with pauses, so many times', async () => {
    const { queue, posted, pauses } = setup([0, 0, 0, 0]);
    queue.open();
    await queue.report('up', 'ok');
    expect(await queue.insist(3)).toBe(false);
    expect(pauses).toEqual([1, 2]);
    expect(await queue.insist(2)).toBe(true);
    expect(posted).toHaveLength(5);
    expect(await queue.insist(1)).toBe(true);
    expect(posted).toHaveLength(5);
  });

  it('are not more than the queue holds', async () => {
    const { queue, posted } = setup();
    for (let index = 0; index < 320; index += 1) await queue.report('download', 'progress');
    queue.open();
    await queue.insist(1);
    expect(posted).toHaveLength(300);
  });

  it('carry logs where there is a way', async () => {
    const { queue, posted } = setup();
    await queue.log('up', 'kernel', 'lost');
    queue.open();
    await queue.log('up', 'kernel', 'text');
    expect(posted).toEqual(['up info kernel text']);
  });
});
