import { expect, it } from 'vitest';
import type { JobState } from '@drover/contract';
import { expiredBuilds } from './build-retention.js';

const build = (id: number, state: JobState, pinned = false) => ({ id: String(id), state, pinned });
const expired = (builds: ReturnType<typeof build>[], keep: number, ...inUse: number[]): string[] =>
  expiredBuilds(builds, keep, ({ id }) => inUse.includes(Number(id))).map(({ id }) => id);

it('keeps the newest builds that succeeded, and what failed last', () => {
  const builds = [
    build(9, 'failed'),
    build(8, 'succeeded'),
    build(7, 'failed'),
    build(6, 'succeeded'),
    build(5, 'cancelled'),
    build(4, 'succeeded'),
  ];
  expect(expired(builds, 2)).toEqual(['7', '5', '4']);
  expect(expired(builds, 9)).toEqual(['7', '5']);
});

it('keeps what is pinned and what is in use, and these do not take the place of others', () => {
  const builds = [build(5, 'succeeded'), build(4, 'succeeded'), build(3, 'succeeded', true), build(2, 'succeeded')];
  expect(expired(builds, 1)).toEqual(['4', '2']);
  expect(expired(builds, 1, 2)).toEqual(['4']);
});

it('leaves nothing to be thrown away where nothing was built', () => {
  expect(expired([], 1)).toEqual([]);
});
