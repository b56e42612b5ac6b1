import { expect, it } from 'vitest';
import { formFields } from './body.js';
import { createBufferPool } from './buffer-pool.js';
import { createRateLimit } from './rate-limit.js';

it('lets an address have its burst, then so many a second, and others their own', () => {
  let now = 0;
  const limit = createRateLimit({ perSecond: 2, burst: 3 }, () => now);
  const tries = (address: string, count: number) => Array.from({ length: count }, () => limit.allow(address));
  expect(tries('a', 5)).toEqual([true, true, true, false, false]);
  expect(tries('b', 1)).toEqual([true]);
  now = 1000;
  expect(tries('a', 3)).toEqual([true, true, false]);
  now = 500;
  expect(tries('a', 1)).toEqual([false]);
});

it('keeps no more addresses than it may', () => {
  const limit = createRateLimit({ perSecond: 1, burst: 1, most: 2 }, () => 0);
  expect(['a', 'b', 'c', 'a'].map((address) => limit.allow(address))).toEqual([true, true, true, true]);
});

it('keeps buffers for the next one, as many as it may', () => {
  const pool = createBufferPool(16, 1);
  const [first, second] = [pool.take(), pool.take()];
  pool.give(first);
  pool.give(second);
  expect(pool.take()).toBe(first);
  expect(pool.take()).not.toBe(second);
});

it('takes the first value of a form field', () => {
  expect(formFields('a=1&b=x%20y&a=2')).toEqual({ a: '1', b: 'x y' });
});
