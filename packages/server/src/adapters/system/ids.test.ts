import { DeviceId } from '@drover/contract';
import { expect, it } from 'vitest';
import { createIds } from './ids.js';

it('makes ids that sort in the order they were made, also when the clock stands or steps back', () => {
  let now = 1_700_000_000_000;
  const ids = createIds({ clock: { now: () => now } });
  const made: string[] = [];
  for (let i = 0; i < 2000; i += 1) {
    if (i % 100 === 50) now += 1;
    if (i % 500 === 499) now -= 10_000;
    made.push(ids.next('dev'));
  }
  expect([...made].sort()).toEqual(made);
  expect(new Set(made).size).toBe(2000);
  expect(made.every((id) => DeviceId.safeParse(id).success)).toBe(true);
});

it('puts the time into the id', () => {
  // The example of the ULID specification: 1469918176385 ms is 01ARYZ6S41.
  expect(createIds({ clock: { now: () => 1_469_918_176_385 } }).next('job')).toMatch(/^job_01ARYZ6S41/);
});
