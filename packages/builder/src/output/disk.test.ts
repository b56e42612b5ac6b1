import { expect, it } from 'vitest';
import { planDisk, rootPartitionOf, signatureOf } from './disk.js';

const MiB = 1024 * 1024;
const sizes = { boot: 512 * MiB, root: null, spare: 256 * MiB };

it('the root partition has room for its files and what was asked to be free, in whole MiB', () => {
  const plan = planDisk('0a0b0c0d', { bytes: 500 * MiB, inodes: 30_000 }, sizes);
  expect(plan.boot).toEqual({ start: 4 * MiB, size: 512 * MiB });
  expect(plan.root.start).toBe(516 * MiB);
  expect(plan.root.size % MiB).toBe(0);
  expect(plan.root.size).toBeGreaterThan(756 * MiB);
  expect(plan.root.inodes).toBeGreaterThan(30_000);
});

it('a size that was asked for is taken', () => {
  expect(planDisk('0a0b0c0d', { bytes: MiB, inodes: 10 }, { ...sizes, root: 2048 * MiB }).root.size).toBe(2048 * MiB);
});

it('a disk is called by what its root is built on', () => {
  const [one, two] = [signatureOf('a'), signatureOf('b')];
  expect(one).toMatch(/^[0-9a-f]{8}$/);
  expect(two).not.toBe(one);
  expect(rootPartitionOf(planDisk(one, { bytes: MiB, inodes: 10 }, sizes))).toBe(`${one}-02`);
});
