import { expect, it } from 'vitest';
import { unallocated } from './format.js';
import { Pending } from './pending.js';
import type { Tables } from './tables.js';

const noTables = { lookup: () => unallocated } as unknown as Tables;

it('takes any number of clusters that were freed', () => {
  const pending = new Pending(noTables);
  const many = 500_000;
  for (let cluster = 0; cluster < many; cluster++) pending.set(cluster, unallocated, cluster + 1);
  pending.take();
  pending.commit();
  const freed = pending.takeFreed();
  expect([freed.length, freed[0], freed.at(-1)]).toEqual([many, 1, many]);
});
