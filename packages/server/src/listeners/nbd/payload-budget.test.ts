import { describe, expect, it } from 'vitest';
import { createPayloadBudget } from './payload-budget.js';

describe('memory for payloads', () => {
  it('is given out up to its limit, and beyond it to who is entitled', () => {
    const budget = createPayloadBudget(100);
    expect(budget.take(60, false)).toBe(true);
    expect(budget.take(41, false)).toBe(false);
    expect(budget.take(41, true)).toBe(true);
    expect(budget.used()).toBe(101);
    budget.give(41);
    expect(budget.take(40, false)).toBe(true);
  });

  it('wakes who waits, in order, while there is some', () => {
    const budget = createPayloadBudget(100);
    budget.take(100, false);
    const woken: string[] = [];
    budget.wait(() => void woken.push(`a ${budget.take(50, false)}`));
    budget.wait(() => void woken.push(`b ${budget.take(50, false)}`));
    budget.wait(() => void woken.push(`c ${budget.take(50, false)}`));
    budget.give(100);
    expect(woken).toEqual(['a true', 'b true']);
    budget.give(50);
    expect(woken).toEqual(['a true', 'b true', 'c true']);
  });

  it('lets those it cannot satisfy wait again, without going round in circles', () => {
    const budget = createPayloadBudget(100);
    budget.take(100, false);
    let tries = 0;
    const big = (): void => {
      tries += 1;
      if (!budget.take(80, false)) budget.wait(big);
    };
    big();
    budget.give(30);
    expect(tries).toBe(2);
    budget.give(50);
    expect(tries).toBe(3);
    expect(budget.used()).toBe(100);
  });

  it('forgets who waits no longer', () => {
    const budget = createPayloadBudget(10);
    budget.take(10, false);
    const forget = budget.wait(() => expect.unreachable('it asked no longer'));
    forget();
    budget.give(10);
  });

  it('takes what is given back while it wakes', () => {
    const budget = createPayloadBudget(10);
    budget.take(10, false);
    const woken: string[] = [];
    budget.wait(() => {
      woken.push('first');
      budget.take(10, false);
      budget.give(10);
    });
    budget.wait(() => void woken.push('second'));
    budget.give(10);
    expect(woken).toEqual(['first', 'second']);
  });
});
