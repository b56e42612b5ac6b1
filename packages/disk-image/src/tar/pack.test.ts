import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { expectRefusal, patched } from '../../test/support/expect.js';
import { readTar, type TarRecord } from '../../test/support/read-tar.js';
import { locateInode } from '../ext4/groups.js';
import { openExt4, readerOf } from '../ext4/volume.js';
import { memorySource } from '../source.js';
import { packTar } from './pack.js';
import type { PackTarOptions } from './types.js';

async function pack(image: Uint8Array, options?: PackTarOptions): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of packTar(await openExt4(memorySource(image)), options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function packed(image: Uint8Array, options?: PackTarOptions): Promise<Map<string, TarRecord>> {
  return new Map(readTar(await pack(image, options)).map((record) => [record.path, record]));
}

describe.each(['ext4', 'ext4-plain', 'ext4-inline', 'ext2'] as const)('packTar of %s', (name) => {
  const image = corpusImage(name);

  it('keeps types, modes, owners, times, links, devices and attributes', async () => {
    const tar = await packed(image);
    expect(tar.get('etc/hostname')).toMatchObject({ type: '0', mode: 0o4755, uid: 0, mtime: '1700000000', size: 7 });
    expect(tar.get('etc/hostname')?.data.toString()).toBe('drover\n');
    expect(tar.get('etc/hostname')?.xattrs).toEqual({
      'security.capability': '0100000200200000000000000000000000000000',
      'user.text': Buffer.from('hello').toString('hex'),
    });
    expect(tar.get('many/')).toMatchObject({ type: '5', mode: 0o1777, size: 0 });
    expect(tar.get('char')).toMatchObject({
      type: '3',
      mode: 0o620,
      uid: 3_000_000,
      gid: 70_000,
      major: 4,
      minor: 300,
    });
    expect(tar.get('block')).toMatchObject({ type: '4', major: 8, minor: 1 });
    expect(tar.get('dir/fifo')).toMatchObject({ type: '6' });
    expect(tar.get('dir/short-link')).toMatchObject({ type: '2', link: '../etc/hostname' });
    expect(tar.get('dir/long-link')?.link).toBe(`../${'very-long-'.repeat(20)}target`);
    expect(tar.get('usr/bin/hard-link')).toMatchObject({ type: '1', link: 'dir/numbers', size: 0 });
    expect(tar.get(`dir/${'n'.repeat(200)}`)).toMatchObject({ type: '0' });
    expect(tar.get('dir/odd\xff\xfename')).toMatchObject({ type: '0' });
    expect(tar.get('dir/sparse')?.data).toHaveLength(150_003);
  });

  it('has no entry for the root, none that starts with ./, and leaves lost+found out', async () => {
    const paths = [...(await packed(image)).keys()];
    expect(paths.filter((path) => path === '' || path.startsWith('.') || path.startsWith('/'))).toEqual([]);
    expect(paths).not.toContain('lost+found/');
    expect([...(await packed(image, { skipLostAndFound: false })).keys()]).toContain('lost+found/');
  });

  it('gives the same bytes each time, and counts them', async () => {
    const seen: number[] = [];
    const first = await pack(image, { onProgress: (bytes) => seen.push(bytes) });
    expect(Buffer.compare(first, await pack(image))).toBe(0);
    expect(seen.at(-1)).toBe(first.length);
    expect(first.length % 512).toBe(0);
  });

  it('stops at its limit', async () => {
    await expectRefusal(() => pack(image, { limit: 100_000 }), 'image.too-large');
  });
});

describe('packTar', () => {
  it('refuses a volume whose journal must be replayed, unless told otherwise', async () => {
    const image = corpusImage('ext4-plain');
    const bits = new DataView(image.buffer).getUint32(1024 + 0x60, true);
    const dirty = patched(image, [1024 + 0x60, 4, bits | 4]);
    const refusal = await expectRefusal(() => pack(dirty), 'image.ext4.needs-recovery');
    expect(refusal.remedy).toContain('e2fsck');
    expect(Buffer.compare(await pack(dirty, { allowRecovery: true }), await pack(image))).toBe(0);
  });

  it('refuses files that claim the same blocks again and again', async () => {
    const image = corpusImage('ext4-plain');
    const source = memorySource(image);
    const volume = await openExt4(source);
    const { superblock } = readerOf(volume);
    const changes: [number, 2 | 4, number][] = [];
    for (const path of ['/dir/numbers', '/dir/reserved']) {
      const at = await locateInode(source, superblock, (await volume.resolve(path)) as number);
      // One extent of 400 of the 512 blocks, from block 100 of the file system on.
      changes.push(
        [at + 4, 4, 400 * 1024],
        [at + 0x28 + 2, 2, 1],
        [at + 0x28 + 12, 4, 0],
        [at + 0x28 + 16, 2, 400],
        [at + 0x28 + 20, 4, 100],
      );
    }
    await expectRefusal(() => pack(patched(image, ...changes)), 'image.ext4.cross-linked');
  });

  it('does not write out a file that is nothing but a hole of terabytes', async () => {
    const image = corpusImage('ext4-plain');
    const source = memorySource(image);
    const volume = await openExt4(source);
    const number = (await volume.resolve('/etc/os-release')) as number;
    const at = await locateInode(source, readerOf(volume).superblock, number);
    const sparse = patched(image, [at + 0x6c, 4, 0x1000]);
    await expectRefusal(() => pack(sparse, { limit: 10_000_000 }), 'image.too-large');
  });
});
