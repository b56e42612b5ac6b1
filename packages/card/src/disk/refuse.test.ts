import { describe, expect, it } from 'vitest';
import type { DiskFacts } from './facts.js';
import { refuseDisk } from './refuse.js';

const GiB = 1024 ** 3;
const card: DiskFacts = {
  ...{ path: '/dev/sdb', name: 'sdb', partOf: undefined, model: 'Reader', size: 32 * GiB, readOnly: false },
  ...{ removable: true, partitions: [], uses: [] },
};
const limits = { needed: 2 * GiB, maxSize: 256 * GiB, allowFixed: false };

describe('a disk', () => {
  it('that is a card is written to', () => {
    expect(refuseDisk(card, limits)).toBeUndefined();
    expect(refuseDisk(card, { ...limits, needed: null })).toBeUndefined();
  });

  it.each<[string, Partial<DiskFacts>, RegExp, string]>([
    ['is a partition', { partOf: 'sdb', path: '/dev/sdb1' }, /partition of sdb/, '/dev/sdb'],
    ['is an empty reader', { size: 0 }, /no card/, 'Put one in'],
    [
      'is mounted',
      { uses: [{ name: 'sdb1', kind: 'mount', by: '/boot' }] },
      /sdb1 is mounted at \/boot/,
      'umount /boot',
    ],
    ['is swap', { uses: [{ name: 'sdb2', kind: 'swap', by: '/dev/sdb2' }] }, /swap/, 'swapoff /dev/sdb2'],
    ['is part of another', { uses: [{ name: 'sdb2', kind: 'holder', by: 'dm-0' }] }, /dm-0 is made of sdb2/, 'dm-0'],
    ['stays in its place', { removable: false }, /not removable/, '--allow-fixed'],
    ['is locked', { readOnly: true }, /read-only/, 'lock'],
    ['is too small', { size: GiB }, /1\.0 GiB, and the image needs 2\.0 GiB/, 'larger'],
    ['is larger than a card', { size: 300 * GiB }, /more than a card/, '--max-size 300G'],
  ])('that %s is refused with a remedy', (_, change, why, remedy) => {
    const refused = refuseDisk({ ...card, ...change }, limits);
    expect(refused).toMatchObject({ code: 'card.disk-refused', remedy: expect.stringContaining(remedy) as string });
    expect(refused?.detail).toMatch(why);
  });

  it('that stays in its place is written to by whoever says so, but never one in use', () => {
    const fixed = { ...card, removable: false };
    expect(refuseDisk(fixed, { ...limits, allowFixed: true })).toBeUndefined();
    const used = { ...fixed, uses: [{ name: 'sda1', kind: 'mount', by: '/' }] as const };
    expect(refuseDisk(used, { ...limits, allowFixed: true })?.detail).toMatch(/mounted at \//);
  });
});
