import { describe, expect, it } from 'vitest';
import { refusal, success, type Result } from '@drover/contract';
import { createPowerDesk } from './desk.js';
import type { PowerDriver, PowerLimits, PowerTarget } from './ports.js';

const target = (name: string): PowerTarget => ({
  ...{ id: name, name, mac: null, serial: null, bootPrefix: null, values: {} },
});
const never = new AbortController().signal;
const failed = refusal('power.failed', 'the relay clicks and nothing happens');

/** A desk with one driver, whose switches do what a test says. */
function deskOf(
  doing: (target: PowerTarget, signal: AbortSignal) => Promise<Result<null>>,
  limits: Partial<PowerLimits> = {},
) {
  const driver: PowerDriver = {
    ...{ name: 'rack', kind: 'manual', needs: [], canQuery: false },
    switch: (each, _to, signal) => doing(each, signal),
    query: async () => success('on'),
  };
  const all = { concurrency: 4, staggerMs: 0, timeoutMs: 1000, retries: 0, ...limits };
  return createPowerDesk(new Map([['rack', { driver, limits: all }]]), 1);
}

describe('the desk of the power drivers', () => {
  it('tries again as often as it may, and tells the last word', async () => {
    let calls = 0;
    const desk = deskOf(
      async () => {
        calls += 1;
        return calls < 3 ? failed : success(null);
      },
      { retries: 2 },
    );
    expect(await desk.switch('rack', target('a'), 'on', never)).toEqual(success(null));
    expect(calls).toBe(3);
    calls = -10;
    expect(await desk.switch('rack', target('a'), 'on', never)).toEqual(failed);
    expect(calls).toBe(-7);
  });

  it('does not try again what will be refused again', async () => {
    let calls = 0;
    const desk = deskOf(
      async () => {
        calls += 1;
        return refusal('power.unsupported', 'no');
      },
      { retries: 5 },
    );
    expect((await desk.switch('rack', target('a'), 'off', never)).ok).toBe(false);
    expect(calls).toBe(1);
  });

  it('lets so many in at once, and who leaves the line makes room', async () => {
    let inside = 0;
    let most = 0;
    const desk = deskOf(
      async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside -= 1;
        return success(null);
      },
      { concurrency: 3 },
    );
    const impatient = new AbortController();
    const all = Array.from({ length: 12 }, (_, index) =>
      desk.switch('rack', target(String(index)), 'off', index % 4 === 3 ? impatient.signal : never),
    );
    impatient.abort(new Error('not needed any more'));
    const ended = await Promise.allSettled(all);
    expect(ended.filter(({ status }) => status === 'rejected')).toHaveLength(3);
    expect(most).toBe(3);
    expect(inside).toBe(0);
    expect(await desk.switch('rack', target('later'), 'off', never)).toEqual(success(null));
  });

  it('switches boards on one after the other, and off without waiting', async () => {
    const at: number[] = [];
    const desk = deskOf(
      async () => {
        at.push(performance.now());
        return success(null);
      },
      { staggerMs: 30 },
    );
    const began = performance.now();
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => desk.switch('rack', target(name), 'on', never)));
    const gaps = at.slice(1).map((each, index) => each - at[index]!);
    for (const gap of gaps) expect(gap).toBeGreaterThan(20);
    expect(at[3]! - began).toBeGreaterThan(80);
    at.length = 0;
    await Promise.all(['a', 'b', 'c', 'd'].map((name) => desk.switch('rack', target(name), 'off', never)));
    expect(at[3]! - at[0]!).toBeLessThan(20);
  });

  it('ends a driver that takes too long, and stops when it is told to', async () => {
    const hanging = async (_: PowerTarget, signal: AbortSignal): Promise<Result<null>> =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve(refusal('power.failed', 'no answer in time')), { once: true }),
      );
    const desk = deskOf(hanging, { timeoutMs: 20, retries: 1 });
    expect(await desk.switch('rack', target('a'), 'on', never)).toMatchObject({ detail: 'no answer in time' });
    const stop = new AbortController();
    const slow = deskOf(hanging, { timeoutMs: 60_000 }).switch('rack', target('a'), 'on', stop.signal);
    stop.abort(new Error('the server stops'));
    await expect(slow).rejects.toThrow('the server stops');
  });

  it('names a driver that is not in the settings', async () => {
    expect(await deskOf(async () => success(null)).switch('none', target('a'), 'on', never)).toMatchObject({
      code: 'power.unsupported',
      detail: expect.stringContaining('no power driver none') as string,
    });
  });
});
