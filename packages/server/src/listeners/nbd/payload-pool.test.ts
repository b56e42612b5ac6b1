import { expect, it } from 'vitest';
import { createPayloadPool } from './payload-pool.js';

it('gives memory of the length asked for, again when it was given back', () => {
  const pool = createPayloadPool(1 << 20);
  const first = pool.take(5000);
  expect(first.length).toBe(5000);
  const other = pool.take(5000);
  expect(other.buffer).not.toBe(first.buffer);
  pool.give(first);
  const again = pool.take(8192);
  expect([again.length, again.buffer === first.buffer]).toEqual([8192, true]);
  expect(pool.take(8192).buffer).not.toBe(first.buffer);
});

it('never gives less than was asked for', () => {
  const pool = createPayloadPool(64 << 20);
  for (const length of [1, 4095, 4096, 4097, 65_536, 131_072, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 32 << 20]) {
    const payload = pool.take(length);
    expect(payload.length).toBe(length);
    pool.give(payload);
  }
  for (const length of [131_073, 65_536, 3]) expect(pool.take(length).length).toBe(length);
});

it('keeps no more than it may', () => {
  const pool = createPayloadPool(10_000);
  const [first, second] = [pool.take(8192), pool.take(8192)];
  pool.give(first);
  pool.give(second);
  expect(pool.take(8192).buffer).toBe(first.buffer);
  expect(pool.take(8192).buffer).not.toBe(second.buffer);
});
