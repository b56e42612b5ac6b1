import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { expectRefusal, patched, placeOf } from '../../test/support/expect.js';
import { crc32c } from '../checksum.js';
import { journalPlaces } from '../../test/support/journal.js';
import { memorySource } from '../source.js';
import type { Ext4Volume } from './types.js';
import { openExt4, readerOf } from './volume.js';
import { locateInode } from './groups.js';

const images = ['ext4', 'ext4-plain', 'ext4-inline', 'ext2'] as const;
const superblock = 1024;
const numbers = Array.from({ length: 6000 }, (_, i) => `${i + 1}\n`).join('');
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const open = (image: Uint8Array) => openExt4(memorySource(image));
const names = async (volume: Ext4Volume, path: string): Promise<string[]> =>
  (await volume.readdir(path)).map(({ name }) => name).sort();

describe.each(images)('%s made by mke2fs and debugfs', (name) => {
  const image = corpusImage(name);

  it('says who it is', async () => {
    const volume = await open(image);
    expect(volume).toMatchObject({
      label: 'rootfs',
      uuid: '6b1d4a4e-0d0c-4a5e-9a57-0123456789ab',
      blockSize: 1024,
      size: 512 * 1024,
      inodeCount: 128,
      needsRecovery: false,
    });
    expect(volume.usedBytes).toBeGreaterThan(50_000);
    expect(volume.usedBytes).toBeLessThan(volume.size);
    expect(volume.features).toContain('filetype');
  });

  it('lists folders of one block, of several, and inline', async () => {
    const volume = await open(image);
    expect(await names(volume, '/')).toEqual(['bin', 'block', 'char', 'dir', 'etc', 'lost+found', 'many', 'usr']);
    expect(await names(volume, 'etc/')).toEqual(['hostname', 'os-release']);
    expect(await volume.readdir('/many')).toHaveLength(20);
    await expectRefusal(() => volume.readdir('/etc/hostname'), 'image.not-a-directory');
    await expectRefusal(() => volume.readdir('/nothing'), 'image.not-found');
  });

  it('reads files: small, in pieces with holes, reserved but not written', async () => {
    const volume = await open(image);
    expect(text(await volume.readFile('/etc/hostname'))).toBe('drover\n');
    expect(text(await volume.readFile('/dir/numbers'))).toBe(numbers);
    const sparse = Buffer.concat([Buffer.alloc(150_000), Buffer.from('end')]);
    for (let i = 1; i <= 12; i++) sparse.write(`piece ${i}\n`, i * 8192);
    expect(Buffer.compare(await volume.readFile('/dir/sparse'), sparse)).toBe(0);
    expect((await volume.readFile('/dir/reserved')).every((byte) => byte === 0)).toBe(true);
    await expectRefusal(() => volume.readFile('/dir/numbers', 100), 'image.too-large');
    await expectRefusal(() => volume.readFile('/dir'), 'image.not-a-file');
  });

  it('tells modes, owners, times, links and devices', async () => {
    const volume = await open(image);
    const time = { seconds: 1_700_000_000, nanoseconds: 0 };
    expect(await volume.stat('/')).toMatchObject({ kind: 'directory', mode: 0o751, uid: 0, inode: 2 });
    expect(await volume.stat('/etc/hostname')).toMatchObject({ kind: 'file', mode: 0o4755, size: 7, mtime: time });
    expect(await volume.stat('/many')).toMatchObject({ mode: 0o1777 });
    expect(await volume.stat('/dir/numbers')).toMatchObject({ nlink: 2, size: numbers.length });
    expect((await volume.stat('/usr/bin/hard-link'))?.inode).toBe((await volume.stat('/dir/numbers'))?.inode);
    expect(await volume.stat('/char')).toMatchObject({
      kind: 'char',
      mode: 0o620,
      uid: 3_000_000,
      gid: 70_000,
      rdev: { major: 4, minor: 300 },
    });
    expect(await volume.stat('/block')).toMatchObject({ kind: 'block', rdev: { major: 8, minor: 1 } });
    expect(await volume.stat('/dir/fifo')).toMatchObject({ kind: 'fifo' });
  });

  it('follows links inside the volume only', async () => {
    const volume = await open(image);
    expect(await volume.readlink('/dir/short-link')).toBe('../etc/hostname');
    expect(await volume.readlink('/dir/long-link')).toBe(`../${'very-long-'.repeat(20)}target`);
    expect(text(await volume.readFile('/dir/short-link'))).toBe('drover\n');
    expect(text(await volume.readFile('../../../dir/../../etc/./hostname'))).toBe('drover\n');
    expect((await volume.lstat('/dir/short-link'))?.kind).toBe('symlink');
    expect((await volume.lstat('/bin'))?.kind).toBe('symlink');
    expect((await volume.lstat('/bin/hard-link'))?.kind).toBe('file');
    expect(await volume.stat('/dir/long-link')).toBeUndefined();
    expect(await volume.stat('/etc/hostname/below')).toBeUndefined();
    await expectRefusal(() => volume.stat('/dir/loop'), 'image.ext4.symlink-loop');
    await expectRefusal(() => volume.readlink('/etc'), 'image.not-a-file');
    await expectRefusal(() => volume.stat('x/'.repeat(5000)), 'image.ext4.path-too-long');
  });

  it('gives back attributes, in the inode, in a block and in an inode of their own', async () => {
    const volume = await open(image);
    const of = async (path: string) => volume.xattrs((await volume.resolve(path)) as number);
    const hostname = await of('/etc/hostname');
    expect(hostname.map(({ name }) => name)).toEqual(['security.capability', 'user.text']);
    expect(Buffer.from(hostname[0]?.value ?? []).toString('hex')).toBe('0100000200200000000000000000000000000000');
    expect(text(hostname[1]?.value ?? new Uint8Array())).toBe('hello');
    const large = Array.from({ length: 150 }, (_, i) => `${i + 1}\n`).join('');
    expect((await of('/dir/numbers')).map(({ name, value }) => [name, text(value)])).toEqual([['user.large', large]]);
    expect((await of('/dir')).map(({ name }) => name)).toEqual(['trusted.overlay.opaque']);
    expect(await of('/usr')).toEqual([]);
  });

  it('walks parents before children in the order of names', async () => {
    const volume = await open(image);
    const paths: string[] = [];
    for await (const { path, kind, stat } of volume.walk()) {
      expect(stat.kind).toBe(kind);
      paths.push(path);
    }
    expect(paths[0]).toBe('');
    expect(paths.slice(1)).toEqual([...paths.slice(1)].sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1)));
    expect(paths).toContain('dir/odd\udcff\udcfename');
    expect(paths).toContain(`dir/${'n'.repeat(200)}`);
    expect(new Set(paths).size).toBe(paths.length);
  });
});

describe('a damaged ext4 volume', () => {
  const image = corpusImage('ext4-plain');

  it('is no ext4 without its magic, and refused when cut short', async () => {
    await expectRefusal(() => open(patched(image, [superblock + 0x38, 2, 0])), 'image.ext4.not-ext4');
    await expectRefusal(() => open(image.subarray(0, 1000)), 'image.ext4.not-ext4');
    await expectRefusal(() => open(image.subarray(0, image.length - 1024)), 'image.ext4.past-end');
    await expectRefusal(() => open(patched(image, [superblock + 4, 4, 0xffffffff])), 'image.ext4.past-end');
  });

  it.each([
    ['block size', 0x18, 30],
    ['inode size', 0x58, 100],
    ['inodes a group', 0x28, 0],
    ['blocks a group', 0x20, 0],
    ['inode count', 0x00, 0xffffffff],
  ])('with an impossible %s is refused', async (_, at, value) => {
    await expectRefusal(
      () => open(patched(image, [superblock + at, at === 0x58 ? 2 : 4, value])),
      'image.ext4.corrupt',
    );
  });

  it.each([
    ['compression', 0x1],
    ['journal_dev', 0x8],
    ['encrypt', 0x10000],
    ['40000000', 0x40000000],
  ])('that uses %s is refused by name', async (feature, bit) => {
    const bits = new DataView(image.buffer).getUint32(superblock + 0x60, true);
    const refusal = await expectRefusal(
      () => open(patched(image, [superblock + 0x60, 4, bits | bit])),
      'image.ext4.unsupported',
    );
    expect(refusal.message).toContain(feature);
  });

  it('says when its journal must be replayed', async () => {
    const bits = new DataView(image.buffer).getUint32(superblock + 0x60, true);
    expect((await open(patched(image, [superblock + 0x60, 4, bits | 4]))).needsRecovery).toBe(true);
  });

  it('with checksums tells when superblock or inode were changed', async () => {
    const checked = corpusImage('ext4');
    await expectRefusal(() => open(patched(checked, [superblock + 0x78, 1, 0x58])), 'image.ext4.checksum');
    const volume = await open(checked);
    const at = await locateInode(memorySource(checked), readerOf(volume).superblock, 2);
    const changed = await open(patched(checked, [at, 2, 0o40777]));
    await expectRefusal(() => changed.stat('/'), 'image.ext4.checksum');
  });

  it('with a folder inside itself is refused when walked', async () => {
    // The entry of /usr/bin, "bin" in the folder usr, gets the number of the root.
    const volume = await open(image);
    const usr = await readerOf(volume).content(await readerOf(volume).inode((await volume.resolve('/usr')) as number));
    const block = 'map' in usr ? (usr.map.runs[0]?.physical ?? 0) * 1024 : 0;
    const cyclic = await open(patched(image, [block + 24, 4, 2]));
    await expectRefusal(async () => {
      for await (const _ of cyclic.walk());
    }, 'image.ext4.directory-loop');
  });

  it('with a slash in a name is refused', async () => {
    const at = placeOf(image, 'os-release');
    const refusal = await expectRefusal(
      async () => (await open(patched(image, [at + 2, 1, 0x2f]))).readdir('/etc'),
      'image.name-unsafe',
    );
    expect(refusal.message).toContain('os/release');
  });

  it('with an extent outside the volume, out of order or of nothing is refused', async () => {
    const volume = await open(image);
    const reader = readerOf(volume);
    const at = await locateInode(
      memorySource(image),
      reader.superblock,
      (await volume.resolve('/dir/numbers')) as number,
    );
    const extents = at + 0x28;
    for (const change of [
      [extents, 2, 0],
      [extents + 2, 2, 5],
      [extents + 6, 2, 6],
      [extents + 16, 2, 0],
      [extents + 20, 4, 600],
    ] as [number, 2 | 4, number][]) {
      const damaged = await open(patched(image, change));
      await expectRefusal(() => damaged.readFile('/dir/numbers'), 'image.ext4.corrupt');
    }
  });
});

describe.each(['ext4-journal', 'ext4-journal-plain'] as const)(
  '%s, all of whose last changes are in its journal',
  (name) => {
    const image = corpusImage(name);
    const incompat = superblock + 0x60;
    const bits = new DataView(image.buffer).getUint32(incompat, true);
    const journal = placeOf(image, Buffer.from('c03b3998', 'hex').toString('latin1'));
    const reads = async (volume: Ext4Volume): Promise<[string[], string | undefined]> => [
      await names(volume, '/'),
      (await volume.stat('/lib/new-file')) && text(await volume.readFile('/lib/new-file')),
    ];
    const after = ['bin', 'dir', 'etc', 'lib', 'lost+found', 'many', 'usr'];
    const before = after.filter((each) => each !== 'lib');

    it('is read as after a replay', async () => {
      const volume = await open(image);
      expect(volume).toMatchObject({ needsRecovery: true, journal: { kind: 'replayed', transactions: 2 } });
      expect(await reads(volume)).toEqual([after, 'installed\n']);
      expect(await names(volume, '/etc')).toEqual(['os-release']);
      expect(text(await volume.readFile('/dir/more-numbers'))).toBe(
        Array.from({ length: 3000 }, (_, i) => `${i + 1}\n`).join(''),
      );
      let entries = 0;
      for await (const { path } of volume.walk()) entries += path === 'etc/hostname' ? 1000 : 1;
      expect(entries).toBe(42);
    });

    it('is read as it lies on the disk when it says that it was unmounted, as a kernel does', async () => {
      const tables = patched(image, [incompat, 4, bits & ~4]);
      if (name === 'ext4-journal') tables.set(checksummed(tables), superblock);
      const volume = await open(tables);
      expect(volume).toMatchObject({ needsRecovery: false, journal: { kind: 'clean' } });
      expect(await reads(volume)).toEqual([before, undefined]);
    });

    it.each<[string, string, [number, 1 | 2 | 4, number]]>([
      ['has no superblock', 'corrupt', [journal, 4, 0]],
      ['has features nobody knows', 'unsupported', [journal + 0x28, 1, 0x80]],
      ['is on another device', 'external', [superblock + 0xe0, 4, 0]],
      ['is not there', 'absent', [superblock + 0x5c, 1, 0]],
      ['is a folder', 'corrupt', [superblock + 0xe0, 4, 2]],
      ['has an inode that cannot be', 'corrupt', [superblock + 0xe0, 4, 1000]],
    ])('is read as it lies on the disk when its journal %s, and says so', async (_how, fault, change) => {
      const broken = patched(image, change);
      broken.set(checksummed(broken), superblock);
      const volume = await open(broken);
      expect(volume).toMatchObject({ needsRecovery: true, journal: { kind: 'unusable', fault } });
      expect(await reads(volume)).toEqual([before, undefined]);
    });

    it('is read without the fast commits behind its last transaction, and says so', async () => {
      const fast = patched(image, [journal + 0x2b, 1, (image[journal + 0x2b] as number) | 0x20]);
      checksumJournal(fast, journal);
      expect((await open(fast)).journal.kind).toBe('replayed');
      // 256 of its 2048 blocks are kept for them, and the first of these stays empty; it begins with the number of the transaction they follow.
      const at = (await journalPlaces(image))[2048 - 256 + 1] as number;
      for (const [transaction, kind] of [
        [2, 'replayed'],
        [3, 'partial'],
      ] as const) {
        const volume = await open(patched(fast, [at, 2, 9], [at + 2, 2, 8], [at + 8, 4, transaction]));
        expect(volume.journal.kind).toBe(kind);
        expect(await reads(volume)).toEqual([after, 'installed\n']);
      }
    });
  },
);

/** The superblock with the checksum of what it says. */
function checksummed(image: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(image.subarray(superblock, superblock + 1024));
  new DataView(copy.buffer).setUint32(0x3fc, crc32c(0xffffffff, copy.subarray(0, 0x3fc)), true);
  return copy;
}

/** The same for the superblock of the journal, in place. */
function checksumJournal(image: Uint8Array, at: number): void {
  const view = new DataView(image.buffer, at, 1024);
  view.setUint32(0xfc, 0);
  view.setUint32(0xfc, crc32c(0xffffffff, image.subarray(at, at + 1024)));
}
