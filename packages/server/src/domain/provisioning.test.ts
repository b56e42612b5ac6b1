import { describe, expect, it } from 'vitest';
import type { ImageFacts } from '@drover/contract';
import { fittingModels, nonePicked, refuseDevice, refuseImage, unfitReason, type Runnable } from './provisioning.js';

const facts: ImageFacts = {
  scheme: 'mbr',
  diskId: null,
  partitions: [],
  bootPartition: 1,
  rootPartition: 2,
  bootFiles: 1,
  release: null,
  architecture: 'arm64',
  init: 'systemd',
  kernels: [],
  initramfs: [],
  models: ['pi4', 'pi5'],
  unfit: [{ model: 'pi1', reason: 'the kernel is 64-bit and this board is not' }],
  rootModes: ['ram'],
  warnings: [],
  rootUsedBytes: null,
};
const image: Runnable = { ref: 'debian:12', tenant: null, state: 'ready', stateReason: null, facts };

describe('what an image runs on', () => {
  it('is what was read from it; a board of unknown model may try', () => {
    expect(unfitReason(facts, 'pi4')).toBeUndefined();
    expect(unfitReason(facts, 'other')).toBeUndefined();
    expect(unfitReason(facts, 'pi1')).toBe('the kernel is 64-bit and this board is not');
    expect(unfitReason(facts, 'pi2')).toContain('pi2');
    expect(fittingModels(facts)).toEqual(['pi4', 'pi5', 'other']);
  });

  it('is refused with the reason', () => {
    expect(refuseDevice(image, { name: 'pi-1', tenant: 'ten_1', model: 'pi4' })).toBeUndefined();
    expect(refuseDevice(image, { name: 'pi-1', tenant: 'ten_1', model: 'pi1' })).toMatchObject({
      code: 'image.unfit',
      detail: expect.stringContaining('64-bit') as string,
    });
    expect(refuseDevice({ ...image, tenant: 'ten_2' }, { name: 'pi-1', tenant: 'ten_1', model: 'pi4' })).toMatchObject({
      code: 'image.unfit',
      detail: expect.stringContaining('different tenants') as string,
    });
  });
});

describe('an image to assign', () => {
  it('must be ready', () => {
    expect(refuseImage(image, 'ram')).toBeUndefined();
    expect(refuseImage({ ...image, state: 'importing', facts: null }, 'ram')).toMatchObject({
      code: 'image.not-ready',
      remedy: expect.stringContaining('Wait') as string,
    });
    expect(refuseImage({ ...image, state: 'failed', stateReason: 'no kernel' }, 'ram')).toMatchObject({
      detail: 'The image debian:12 is failed: no kernel',
    });
  });

  it('must have the root mode', () => {
    expect(refuseImage(image, 'nfs')).toMatchObject({ code: 'image.unfit', remedy: 'Use one of its root modes: ram.' });
    const hopeless = { ...image, facts: { ...facts, rootModes: [], warnings: ['no kernel with modules'] } };
    expect(refuseImage(hopeless, 'ram')).toMatchObject({
      remedy: expect.stringContaining('no kernel with modules') as string,
    });
  });
});

describe('when nothing can be picked', () => {
  it('says whether any is free, and why those do not fit', () => {
    expect(nonePicked(image, 'with rack=a', [], true)).toMatchObject({
      code: 'device.none-available',
      detail: 'No device with rack=a is available',
      remedy: expect.stringContaining('drover release') as string,
    });
    expect(nonePicked(image, 'of this tenant', [], false).remedy).toContain('drover device adopt');
    expect(nonePicked(image, 'of this tenant', [{ name: 'old', model: 'pi1', memoryMiB: null }], false)).toMatchObject({
      detail: expect.stringContaining('old (pi1): the kernel is 64-bit') as string,
      conflicts: ['old'],
    });
    const [small, unknown] = [1024, null].map((memoryMiB) => ({
      name: `m${memoryMiB}`,
      model: 'pi4' as const,
      memoryMiB,
    }));
    expect(nonePicked(image, 'of this tenant', [small!, unknown!], false, 2048).detail).toMatch(
      /m1024 \(pi4\): has 1024 MiB of memory; mnull \(pi4\): nobody told how much memory it has$/,
    );
  });
});
