import { expect, it } from 'vitest';
import { createScratch } from './scratch.js';

it('gives memory again, and keeps no more than it may', () => {
  const scratch = createScratch(10_000);
  const [first, second, other] = [scratch.take(4096), scratch.take(4096), scratch.take(8192)];
  expect(new Set([first, second, other]).size).toBe(3);
  for (const bytes of [first, second, other]) scratch.give(bytes);
  expect([scratch.take(4096), scratch.take(4096)].sort()).toEqual([first, second].sort());
  expect(scratch.take(8192)).not.toBe(other);
  expect(scratch.take(4096)).not.toBe(first);
});
