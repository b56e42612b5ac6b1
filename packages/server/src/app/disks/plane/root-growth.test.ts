import { expect, it } from 'vitest';
import { silentLog } from '../../../../test/boot/log.js';
import type { RootGrowth } from '../pool.js';
import { createRootGrowth } from './root-growth.js';

const disk = 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';

/** What the timeline tells of it. */
async function told(growth: () => Promise<RootGrowth>): Promise<unknown[]> {
  const notes: unknown[] = [];
  const grow = createRootGrowth({
    pool: { growRoot: growth },
    note: (session, entry) => void notes.push({ session, ...entry }),
    log: silentLog,
  });
  await grow(disk, 'bs_1');
  return notes;
}

it('a root that grew, or cannot, is on the timeline of the boot', async () => {
  expect(await told(async () => ({ kind: 'grown', partition: 2, before: 5, after: 9 }))).toEqual([
    { session: 'bs_1', type: 'disk.grown', disk, partition: 2, before: 5, after: 9 },
  ]);
  expect(await told(async () => ({ kind: 'blocked', partition: 2, why: 'it is not the last' }))).toEqual([
    { session: 'bs_1', type: 'disk.not-grown', disk, partition: 2, reason: 'it is not the last' },
  ]);
  expect(await told(async () => ({ kind: 'none' }))).toEqual([]);
});

it('a fault of it does not keep a board from its disk', async () => {
  expect(await told(() => Promise.reject(new Error('EIO')))).toEqual([]);
});
