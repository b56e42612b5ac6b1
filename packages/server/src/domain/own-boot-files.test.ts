import { describe, expect, it } from 'vitest';
import { deviceOf, digest, kernel, part, planOf, treeOf } from '../../test/boot/fixtures.js';
import type { BootTree } from './boot-plan.js';
import { sourceOf, treeFile } from './boot-tree.js';
import { knownKernel, neededModules, ownTree, type FoundFile } from './own-boot-files.js';

const image = treeOf(['kernel8.img', 'start4.elf'], { kernelFiles: [kernel('kernel8.img', 'arm64', '6.6-v8')] });
const unchanged: FoundFile = { path: 'kernel8.img', size: 100, extents: [[4096, 100]], copy: null };
const copied: FoundFile = { path: 'cmdline.txt', size: 5, extents: [[90_000, 5]], copy: digest('f') };

describe('the boot tree of a disk', () => {
  const found = { base: image.image, files: [unchanged, copied], texts: { 'CMDLINE.TXT': 'quiet' }, kernels: [] };

  it('reads what is unchanged in the image, at the same place, and the rest in copies', () => {
    const tree = ownTree(image, found);
    expect(sourceOf(tree, treeFile(tree, 'kernel8.img')!)).toEqual({
      size: 100,
      segments: [{ blob: image.image, offset: 4096, length: 100 }],
    });
    expect(sourceOf(tree, treeFile(tree, 'cmdline.txt')!)).toEqual({
      size: 5,
      segments: [{ blob: digest('f'), offset: 0, length: 5 }],
    });
    expect(treeFile(tree, 'start4.elf')).toBeUndefined();
    expect(tree).toMatchObject({ cmdline: 'quiet', config: null });
  });

  it('names the image the disk lies on, which may be another than the device is given now', () => {
    expect(ownTree(image, { ...found, base: digest('9') }).image).toBe(digest('9'));
    expect(ownTree(image, { ...found, base: null }).image).toBe(image.image);
  });

  it('has no bytes for an empty file', () => {
    const tree = ownTree(image, { ...found, files: [{ path: 'ssh', size: 0, extents: [], copy: digest('0') }] });
    expect(sourceOf(tree, tree.files[0]!)).toEqual({ size: 0, segments: [] });
  });
});

describe('a kernel that is known', () => {
  it('is the image’s, where it was', () => {
    expect(knownKernel(image, unchanged)?.release).toBe('6.6-v8');
    expect(knownKernel(image, { ...unchanged, path: 'KERNEL8.IMG' })?.release).toBe('6.6-v8');
  });

  it.each<[string, Partial<FoundFile>]>([
    ['was written anew', { copy: digest('f') }],
    ['lies elsewhere', { extents: [[8192, 100]] }],
    ['is longer', { size: 101 }],
    ['has another name', { path: 'kernel7.img' }],
    ['is no kernel', { path: 'start4.elf', extents: [[8192, 100]] }],
  ])('is not one that %s', (_why, change) => {
    expect(knownKernel(image, { ...unchanged, ...change })).toBeUndefined();
  });
});

describe('modules that the plan has not', () => {
  const tree = (more: Partial<BootTree>): BootTree => treeOf([], more);

  it('are those of the kernel this board starts', () => {
    const kernels = [kernel('kernel8.img', 'arm64', '6.12-v8'), kernel('kernel_2712.img', 'arm64', '6.12-2712')];
    expect(neededModules(tree({ kernels }), planOf(), deviceOf({ model: 'pi4' }))).toEqual({
      missing: [{ release: '6.12-v8', architecture: 'arm64' }],
      warnings: [],
    });
    expect(neededModules(tree({ kernels }), planOf(), deviceOf({ model: 'pi5' })).missing).toEqual([
      { release: '6.12-2712', architecture: 'arm64' },
    ]);
    expect(neededModules(tree({ kernels }), planOf(), deviceOf({ model: 'other' })).missing).toHaveLength(2);
  });

  it('are those of the kernel that config.txt of the disk names', () => {
    const kernels = [kernel('kernel8.img', 'arm64', '6.6-v8'), kernel('new.img', 'arm64', '6.12-v8')];
    const config = 'kernel=new.img\n';
    expect(neededModules(tree({ kernels, config }), planOf(), deviceOf()).missing).toEqual([
      { release: '6.12-v8', architecture: 'arm64' },
    ]);
    expect(neededModules(tree({ kernels }), planOf(), deviceOf()).missing).toEqual([]);
  });

  it('are none where the kernel does not say its release', () => {
    const kernels = [{ file: 'kernel8.img', architecture: 'arm64' as const, release: null }];
    expect(neededModules(tree({ kernels }), planOf(), deviceOf()).missing).toEqual([]);
  });

  it('are of no use where there is no initramfs for such a kernel', () => {
    const kernels = [kernel('kernel7l.img', 'arm', '6.12-v7l')];
    const needed = neededModules(tree({ kernels }), planOf(), deviceOf());
    expect(needed.missing).toEqual([]);
    expect(needed.warnings).toEqual([expect.stringContaining('kernel7l.img is a kernel for armhf')]);
    const initramfs = [part('common', 'armhf', null)];
    expect(neededModules(tree({ kernels }), planOf({ initramfs }), deviceOf()).missing).toHaveLength(1);
  });
});
