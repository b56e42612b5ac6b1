import { describe, expect, it } from 'vitest';
import type { Model } from '@drover/contract';
import { kernel, part, planOf, treeOf } from '../../test/boot/fixtures.js';
import { configFiles } from './boot-config.js';
import { initramfsImages, partArchitecture, possibleKernels } from './boot-kernels.js';

const v6 = kernel('kernel.img', 'arm', '6.6-v6');
const v7 = kernel('kernel7.img', 'arm', '6.6-v7');
const v7l = kernel('kernel7l.img', 'arm', '6.6-v7l');
const v8 = kernel('kernel8.img', 'arm64', '6.6-v8');
const v2712 = kernel('kernel_2712.img', 'arm64', '6.6-2712');
const all = [v6, v7, v7l, v8, v2712];

const choose = (model: Model, config: string, kernels = all, prefix: string | null = null) => {
  const tree = treeOf([], { config, kernelFiles: kernels });
  const files = configFiles((path) => (path === 'config.txt' ? config : undefined));
  return possibleKernels(tree, files, model, prefix).map(({ file }) => file);
};

describe('the kernel a board starts', () => {
  it.each([
    ['pi1', '', ['kernel.img']],
    ['pi3', '', ['kernel7.img']],
    ['pi3', 'arm_64bit=1', ['kernel8.img']],
    ['pi4', '', ['kernel8.img']],
    ['pi4', 'arm_64bit=0', ['kernel7l.img']],
    ['pi5', '', ['kernel_2712.img']],
    ['pi5', 'kernel=kernel8.img', ['kernel8.img']],
    ['pi4', '[pi5]\nkernel=kernel8.img\n[pi4]\nkernel=kernel7l.img', ['kernel7l.img']],
    ['pi4', '[gpio4=1]\narm_64bit=0', ['kernel8.img', 'kernel7l.img']],
    ['pi4', '[gpio4=1]\nkernel=kernel7.img', ['kernel8.img', 'kernel7.img']],
    ['pi4', 'kernel=gone.img', ['kernel8.img']],
  ] as const)('%s with %j', (model, config, wanted) => {
    expect(choose(model, config)).toEqual(wanted);
  });

  it('falls back to the other width', () => {
    expect(choose('pi3', '', [v8])).toEqual(['kernel8.img']);
    expect(choose('pi4', '', [v7l])).toEqual(['kernel7l.img']);
    expect(choose('pi5', '', [v7l])).toEqual([]);
    expect(choose('pi5', '', [v8])).toEqual(['kernel8.img']);
  });

  it('looks below os_prefix first; the firmware drops the prefix where it finds no device tree', () => {
    const current = kernel('current/kernel8.img', 'arm64', 'x');
    expect(choose('pi4', 'os_prefix=current/', [v8, current])).toEqual(['current/kernel8.img', 'kernel8.img']);
    expect(choose('pi4', 'os_prefix=gone/', [v8])).toEqual(['kernel8.img']);
  });

  it('may be any for a machine of unknown kind, the named one first', () => {
    expect(choose('virt', 'kernel=kernel_2712.img', [v8, v2712])).toEqual(['kernel_2712.img', 'kernel8.img']);
  });
});

describe('initramfs parts', () => {
  const plan = planOf({
    initramfs: [
      part('common', 'arm64', null),
      part('common', 'armhf', null),
      part('common', 'armel', null),
      part('modules', 'arm64', '6.6-v8'),
      part('modules', 'arm64', '6.6-2712'),
      part('modules', 'armhf', '6.6-v7'),
      part('modules', 'armel', '6.6-v6'),
    ],
  });
  const shapes = (kernels: readonly (typeof v8)[], of = plan) =>
    initramfsImages(of, kernels).map(({ parts }) =>
      parts.map((each) => `${each.architecture} ${each.release ?? 'common'}`),
    );

  it('are those of the kernel', () => {
    expect(shapes([v8])).toEqual([['arm64 common', 'arm64 6.6-v8']]);
    expect(shapes([v6])).toEqual([['armel common', 'armel 6.6-v6']]);
  });

  it('of several kernels of one architecture make one image', () => {
    expect(shapes([v8, v2712])).toEqual([['arm64 common', 'arm64 6.6-v8', 'arm64 6.6-2712']]);
  });

  it('of several architectures make several', () => {
    expect(shapes([v7, v8])).toEqual([
      ['armhf common', 'armhf 6.6-v7'],
      ['arm64 common', 'arm64 6.6-v8'],
    ]);
  });

  it('of all releases go in when the kernel does not tell its own', () => {
    expect(shapes([{ ...v8, release: null }])).toEqual([['arm64 common', 'arm64 6.6-v8', 'arm64 6.6-2712']]);
  });

  it('are the common one alone when the kernels have no modules', () => {
    const bare = planOf({ initramfs: [part('common', 'arm64', null), part('common', 'armhf', null)] });
    expect(shapes([v8], bare)).toEqual([['arm64 common']]);
  });
});

it.each([
  ['arm64', '6.6.31+rpt-rpi-v8', 'arm64'],
  ['arm', '6.6.31+rpt-rpi-v7', 'armhf'],
  ['arm', '6.6.31+rpt-rpi-v7l', 'armhf'],
  ['arm', '5.15.84-v7+', 'armhf'],
  ['arm', '6.1.0-18-armmp-lpae', 'armhf'],
  ['arm', '6.6.31+rpt-rpi-v6', 'armel'],
  ['arm', '5.15.84+', 'armel'],
  ['arm', '6.1.0-18-rpi', 'armel'],
  ['other', '6.1', undefined],
] as const)('a kernel for %s called %s gets helpers for %s', (architecture, release, expected) => {
  expect(partArchitecture({ architecture, release })).toBe(expected);
});
