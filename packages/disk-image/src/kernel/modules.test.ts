import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { expectRefusal, patched, placeOf } from '../../test/support/expect.js';
import { decompress } from '../compression/decompress.js';
import { openImage } from '../facts/image.js';
import type { Ext4Volume } from '../ext4/types.js';
import { memorySource } from '../source.js';
import { listKernelModules, moduleName, resolveModules } from './modules.js';

const release = '6.6.31+rpt-rpi-v8';

async function rootOf(image: Uint8Array): Promise<Ext4Volume> {
  const { root } = await openImage(memorySource(image));
  if (root === undefined) throw new Error('the card has no root');
  return root.volume;
}

describe('kernel modules of a root', () => {
  const image = corpusImage('card');

  it('are listed by release when they have a dependency list', async () => {
    expect(await listKernelModules(await rootOf(image))).toEqual([release]);
  });

  it('come in the order insmod needs, each once', async () => {
    const resolved = await resolveModules(await rootOf(image), release, ['squashfs', 'zstd-decompress', 'overlay']);
    expect(resolved.directory).toBe(`/lib/modules/${release}`);
    expect(resolved.files.map(({ name }) => name).slice(0, 4)).toEqual([
      'xxhash',
      'zstd_decompress',
      'squashfs',
      'overlay',
    ]);
    expect(resolved.files[3]).toEqual({
      name: 'overlay',
      path: `/lib/modules/${release}/kernel/fs/overlay.ko.xz`,
      relativePath: 'kernel/fs/overlay.ko.xz',
    });
  });

  it('come with those they ask for, by name or alias', async () => {
    const { files } = await resolveModules(await rootOf(image), release, ['fs-overlayfs']);
    expect(files.map(({ name }) => name)).toEqual(['xxhash', 'overlay', 'loop_a', 'loop_b']);
  });

  it('can be read and decompressed', async () => {
    const volume = await rootOf(image);
    const { files } = await resolveModules(volume, release, ['overlay']);
    const overlay = files.find(({ name }) => name === 'overlay');
    const bytes = await decompress(await volume.readFile(overlay?.path ?? ''), { limit: 1000 });
    expect(Buffer.from(bytes).toString()).toBe('not a real module\n');
  });

  it('may be part of the kernel or missing, whatever the dash', async () => {
    const wanted = ['ext4', 'virtio_net', 'virtio-net', 'nbd', 'xxhash.ko.xz', 'net-pf-1'];
    const resolved = await resolveModules(await rootOf(image), release, wanted);
    expect(resolved).toMatchObject({ builtin: ['ext4', 'virtio_net', 'net_pf_1'], missing: ['nbd'] });
    expect(resolved.files).toHaveLength(1);
  });

  it('that need each other do not loop', async () => {
    const { files } = await resolveModules(await rootOf(image), release, ['loop-a']);
    expect(files.map(({ name }) => name)).toEqual(['loop_b', 'loop_a']);
  });

  it('are refused for a release that is not there, or is a path', async () => {
    const volume = await rootOf(image);
    for (const name of ['5.0', '', '..', '../modules', 'without-a-list']) {
      await expectRefusal(() => resolveModules(volume, name, []), 'image.modules.no-dependency-list');
    }
  });

  it('are refused when the list leads out of its folder', async () => {
    const at = placeOf(image, 'kernel/fs/overlay');
    const escaping = Uint8Array.from(image);
    escaping.set(Buffer.from('../../..'), at);
    await expectRefusal(async () => resolveModules(await rootOf(escaping), release, []), 'image.modules.corrupt');
    const dangling = patched(image, [placeOf(image, 'kernel/lib/xxhash.ko.xz:') + 11, 1, 0x79]);
    const wanted = ['squashfs'];
    await expectRefusal(async () => resolveModules(await rootOf(dangling), release, wanted), 'image.modules.corrupt');
  });
});

describe('moduleName', () => {
  it('drops folder and suffix and writes _ for -', () => {
    expect(moduleName('kernel/drivers/net/virtio-net.ko.zst')).toBe('virtio_net');
    expect(moduleName('nls-cp437')).toBe('nls_cp437');
  });
});
