import type { Disk, DiskBackup } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import {
  attachable,
  backupTitle,
  cloneName,
  otherBackups,
  sizeOf,
  sizeText,
  sortDisks,
  whyNoDisk,
  whyNoRoot,
} from './model.js';

const disk = (change: Partial<Disk>): Disk => ({
  id: 'dsk_1',
  tenant: 'ten_1',
  name: 'media',
  role: 'data',
  kind: 'block',
  clone: null,
  nfs: null,
  device: null,
  attachments: [],
  image: null,
  size: 1e9,
  ownBytes: null,
  state: 'ready',
  stateReason: null,
  deleteAt: null,
  job: null,
  createdAt: '2026-11-01T00:00:00.000Z',
  updatedAt: '2026-11-01T00:00:00.000Z',
  etag: '"1"',
  ...change,
});
const had = (device: string, access: 'read-write' | 'read-only' = 'read-write') => ({
  device,
  access,
  state: 'attached' as const,
  since: '2026-11-01T00:00:00.000Z',
});

describe('a size', () => {
  it('is whole mebibytes, at least as much as was written', () => {
    expect(sizeOf('1')).toBe(954 * 1_048_576);
    expect(sizeOf(' 1,5 ')).toBe(sizeOf('1.5'));
    expect(sizeOf('0.001')).toBe(1_048_576);
  });

  it.each(['', '0', '-1', '8 GB', '1e3', '999999'])('is not %j', (text) => {
    expect(sizeOf(text)).toBeUndefined();
  });

  it('says what is its own, where that is known', () => {
    expect(sizeText(disk({ size: 2e9 }))).toBe('2.0 GB');
    expect(sizeText(disk({ size: 2e9, ownBytes: 0 }))).toBe('2.0 GB, 0 B of its own');
  });
});

describe('disks of a board', () => {
  it('are sorted by what they are for', () => {
    const root = disk({ id: 'dsk_r', role: 'root', device: 'dev_1' });
    const b = disk({ id: 'dsk_b', name: 'b', attachments: [had('dev_1')] });
    const a = disk({ id: 'dsk_a', name: 'a', attachments: [had('dev_1')] });
    expect(sortDisks([b, root, a], 'dev_1')).toEqual({ root, data: [a, b] });
    expect(sortDisks([b], 'dev_2')).toEqual({ root: undefined, data: [] });
  });

  it('can be had where nobody has them, or where all only read', () => {
    const free = disk({ id: 'dsk_f', name: 'free' });
    const read = disk({ id: 'dsk_s', name: 'shared', attachments: [had('dev_2', 'read-only')] });
    const written = disk({ attachments: [had('dev_2')] });
    const own = disk({ attachments: [had('dev_1', 'read-only')] });
    const foreign = disk({ tenant: 'ten_2' });
    const board = { id: 'dev_1', tenant: 'ten_1' };
    expect(attachable([read, free, written, own, foreign], board)).toEqual([free, read]);
  });

  it('are nothing for a board that runs nothing', () => {
    expect(whyNoDisk({ assignment: null, state: 'available' })).toContain('Give it an image first');
    expect(whyNoDisk({ assignment: null, state: 'discovered' })).toContain('Adopt');
    expect(whyNoRoot({ assignment: null })).toContain('no image');
  });
});

it('names a disk after what it is made of, within what a name may be', () => {
  expect(cloneName('media', 'monday')).toBe('media-monday');
  expect(cloneName('m'.repeat(62), 'monday')).toBe('m'.repeat(62));
});

it('tells a backup from others by its moment, and finds those of disks that are not shown', () => {
  const of = (disk: string, tenant = 'tnt_1') => ({ disk, tenant, diskName: 'media' }) as DiskBackup;
  expect(backupTitle({ diskName: 'media', createdAt: '2026-11-30T17:02:03.000Z' })).toBe(
    'backup of media from 2026-11-30 17:02 UTC',
  );
  const [shown, gone, foreign] = [of('dsk_1'), of('dsk_2'), of('dsk_3', 'tnt_2')];
  expect(otherBackups([shown, gone, foreign], [{ id: 'dsk_1' }], { tenant: 'tnt_1' })).toEqual([gone]);
});
