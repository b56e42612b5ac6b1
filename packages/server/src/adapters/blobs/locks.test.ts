import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createKeyedLock } from './locks.js';

describe('a lock for each key', () => {
  it('lets one in at a time, in the order of asking, also after a failure', async () => {
    const lock = createKeyedLock();
    const order: string[] = [];
    const work = (key: string, name: string) =>
      lock.hold(key, async () => {
        order.push(`${name} in`);
        await sleep(5);
        order.push(`${name} out`);
        if (name === 'b') throw new Error('b failed');
      });
    const results = await Promise.allSettled([work('x', 'a'), work('x', 'b'), work('x', 'c')]);
    expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('does not hold up other keys', async () => {
    const lock = createKeyedLock();
    let release: () => void = () => undefined;
    const held = lock.hold('x', () => new Promise<void>((resolve) => (release = resolve)));
    expect(await lock.hold('y', async () => 'free')).toBe('free');
    release();
    await held;
  });
});
