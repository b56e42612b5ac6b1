import { describe, expect, it } from 'vitest';
import type { Device, Disk } from '@drover/contract';
import { bakeformOf, imageOfBakeform, piOf } from './bakery.js';

const device = (change: Partial<Device>): Device =>
  ({ id: 'dev_1', state: 'available', bootPrefix: '91cdf03d', assignment: null, ...change }) as Device;
const disk = (id: string, size: number, devices: readonly string[] = []): Disk =>
  ({ id, name: id, size, attachments: devices.map((each) => ({ device: each })) }) as unknown as Disk;
const assigned = { assignment: { disk: 'root', imageName: 'bakeform:stemcell.img' } as Device['assignment'] };

describe('a board in the words of Bakery', () => {
  it.each([
    ['available', 1],
    ['in-use', 2],
    ['preparing', 3],
    ['releasing', 3],
    ['failed', 3],
  ] as const)('that is %s has status %i', (state, status) => {
    expect(piOf(device({ state }), [])).toEqual({ id: '91cdf03d', status });
  });
  it('is none before it is adopted, or without a prefix', () => {
    expect(piOf(device({ state: 'discovered' }), [])).toBeUndefined();
    expect(piOf(device({ bootPrefix: null }), [])).toBeUndefined();
  });
  it('has its root first, and of other disks its own', () => {
    const disks = [disk('data', 2 ** 20 + 1, ['dev_1']), disk('root', 2 ** 30), disk('other', 5, ['dev_2'])];
    expect(piOf(device({ state: 'in-use', ...assigned }), disks)).toEqual({
      ...{ id: '91cdf03d', status: 2 },
      disks: [
        { id: 'root', location: 'drover/root', size: 1024, nfsAddress: '' },
        { id: 'data', location: 'drover/data', size: 2, nfsAddress: '' },
      ],
      sourceBakeform: { name: 'stemcell.img', location: 'images/stemcell.img' },
    });
  });
});

describe('the name of a bakeform', () => {
  it.each([
    ['stemcell.img', 'bakeform:stemcell.img'],
    ['raspios:2026', 'raspios:2026'],
  ])('%s is that of the image %s, and back', (name, image) => {
    expect(imageOfBakeform(name)).toBe(image);
    expect(bakeformOf(image).name).toBe(name);
  });
});
