import { describe, expect, it } from 'vitest';
import { createGate } from './gate.js';

describe('a gate', () => {
  it('lets so many run at once, and the rest in the order of asking', async () => {
    const gate = createGate(2);
    const finish: (() => void)[] = [];
    const begun: number[] = [];
    const all = [0, 1, 2, 3].map((each) =>
      gate.run(async () => {
        begun.push(each);
        await new Promise<void>((resolve) => (finish[each] = resolve));
        return each;
      }),
    );
    expect(begun).toEqual([0, 1]);
    finish[1]!();
    await all[1];
    expect(begun).toEqual([0, 1, 2]);
    finish[0]!();
    await all[0];
    expect(begun).toEqual([0, 1, 2, 3]);
    finish[2]!();
    finish[3]!();
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
  });

  it('goes on after a failure', async () => {
    const gate = createGate(1);
    const failed = gate.run(() => Promise.reject(new Error('no')));
    const next = gate.run(() => Promise.resolve('yes'));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});
