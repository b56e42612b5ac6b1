import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { encodeName, openExt4, type Ext4Volume, type RandomAccess, type WalkEntry } from '../../src/index.js';
import { debugfs, debugfsStats } from '../support/debugfs.js';
import { makeTree } from '../support/ext4-tree.js';
import { createRandom, seed } from '../support/runs.js';
import { withFile, run, useWorkFolder } from '../support/tools.js';

const at = useWorkFolder();
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** Feature sets as distributions and people use them, and those that change where things lie. */
const variants: [string, string[]][] = [
  ['ext2 with 1 KiB blocks', ['-t', 'ext2', '-b', '1024', '-I', '128']],
  ['ext2 with 4 KiB blocks', ['-t', 'ext2', '-b', '4096', '-I', '256']],
  ['ext3', ['-t', 'ext3', '-b', '1024', '-I', '256']],
  ['ext4 by default', ['-t', 'ext4']],
  ['ext4 of 32 bits without checksums', ['-t', 'ext4', '-b', '4096', '-O', '^64bit,^metadata_csum']],
  ['ext4 with 1 KiB blocks', ['-t', 'ext4', '-b', '1024', '-O', 'metadata_csum,64bit']],
  ['ext4 without extents', ['-t', 'ext4', '-b', '1024', '-O', '^extent,^64bit,^flex_bg,^metadata_csum']],
  ['ext4 with inline data', ['-t', 'ext4', '-O', 'inline_data']],
  ['ext4 with inline data in large inodes', ['-t', 'ext4', '-O', 'inline_data', '-I', '1024']],
  ['ext4 with attributes in inodes', ['-t', 'ext4', '-O', 'ea_inode']],
  ['ext4 with meta_bg', ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode', '-g', '1024']],
  ['ext4 with small groups', ['-t', 'ext4', '-b', '1024', '-O', '^flex_bg', '-g', '1024']],
  ['ext4 with bigalloc', ['-t', 'ext4', '-O', 'bigalloc', '-C', '16384']],
  ['ext4 with 64 KiB blocks', ['-t', 'ext4', '-b', '65536', '-N', '2048']],
  ['ext4 with sparse_super2', ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode']],
  ['ext4 with a checksum seed', ['-t', 'ext4', '-O', 'metadata_csum_seed,metadata_csum']],
  ['ext4 with casefold, quota, project and large_dir', ['-t', 'ext4', '-O', 'casefold,quota,project,large_dir']],
  ['ext4 without file types', ['-t', 'ext4', '-O', '^filetype']],
];

function makeImage(name: string, options: readonly string[]): string {
  const random = createRandom(seed + name.length * 31);
  const tree = at(`${name} tree`);
  makeTree(tree, random, { folders: 25, files: 120, crowd: 900, longestFile: 400_000 });
  const image = at(`${name}.img`);
  run('mke2fs', [
    '-q',
    '-F',
    '-E',
    'root_owner=0:0',
    '-d',
    tree,
    ...options,
    image,
    options.includes('65536') ? '256M' : '48M',
  ]);
  writeFileSync(at('capability'), capability);
  writeFileSync(at('medium'), Buffer.alloc(500, 'medium '));
  writeFileSync(at('large'), Buffer.alloc(6000, 'large '));
  debugfs(
    image,
    [
      'mknod char c 4 300',
      'mknod block b 259 70000',
      'set_inode_field char mode 020620',
      'set_inode_field block mode 060660',
      'set_inode_field char uid 3000000',
      'set_inode_field char gid 70000',
      'set_inode_field pipe uid 4294967294',
      `ea_set -f ${at('capability')} char security.capability`,
      'ea_set char user.empty ""',
      'ea_set crowd trusted.overlay.opaque y',
      `ea_set -f ${at('medium')} pipe user.medium`,
      ...(options.join(' ').includes('ea_inode') ? [`ea_set -f ${at('large')} crowd user.large`] : []),
      'symlink made-by-debugfs /usr/bin',
    ],
    at('edit'),
    true,
  );
  return image;
}

/** debugfs writes an mtime as `seconds:extra` in hexadecimal, the extra field as it is on the disk. */
function timeOf(hex: string): { seconds: number; nanoseconds: number } {
  const [low = '', extra = '0'] = hex.split(':');
  const more = parseInt(extra, 16);
  return { seconds: (parseInt(low, 16) | 0) + (more & 3) * 2 ** 32, nanoseconds: more >>> 2 };
}

async function walkAll(volume: Ext4Volume): Promise<WalkEntry[]> {
  const entries: WalkEntry[] = [];
  for await (const entry of volume.walk()) entries.push(entry);
  return entries;
}

async function expectSameStats(image: string, entries: readonly WalkEntry[]): Promise<void> {
  const theirs = debugfsStats(
    image,
    entries.map(({ inode }) => inode),
    at('stats'),
  );
  entries.forEach(({ path, stat }, i) => {
    const expected = theirs[i];
    const { inode, kind, mode, uid, gid, size, nlink, mtime } = stat;
    const isDevice = kind === 'char' || kind === 'block';
    expect({ inode, kind, mode, uid, gid, size, nlink, mtime }, path).toEqual({
      inode: expected?.inode,
      kind: expected?.kind,
      mode: expected?.mode,
      uid: expected?.uid,
      gid: expected?.gid,
      size: expected?.size,
      nlink: expected?.nlink,
      mtime: timeOf(expected?.mtimeHex ?? ''),
    });
    if (isDevice)
      expect(`${stat.rdev.major}:${stat.rdev.minor}`, path).toBe(expected?.device?.replace(/^0+(?=\d)/u, ''));
  });
}

async function expectSameFolders(image: string, volume: Ext4Volume, entries: readonly WalkEntry[]): Promise<void> {
  const folders = entries.filter(({ kind }) => kind === 'directory');
  const listings = debugfs(
    image,
    folders.map(({ inode }) => `ls -p <${inode}>`),
    at('folders'),
  );
  for (const [i, { path }] of folders.entries()) {
    const theirs = (listings[i] ?? '').split('\n').filter((line) => line.startsWith('/'));
    const names = theirs
      .map((line) => line.split('/'))
      .filter(([, inode, , , , name]) => inode !== '0' && name !== '.' && name !== '..');
    const wanted = names.map(([, inode, , , , name]) => `${inode} ${name}`).sort();
    const ours = (await volume.readdir(path)).map(({ inode, name }) => `${inode} ${name}`).sort();
    expect(ours, path).toEqual(wanted);
  }
}

async function expectSameContent(image: string, volume: Ext4Volume, entries: readonly WalkEntry[]): Promise<void> {
  const files = entries.filter(({ kind, stat }) => kind === 'file' && stat.size > 0);
  debugfs(
    image,
    files.map(({ inode }, i) => `dump <${inode}> ${at(`dump-${i}`)}`),
    at('dumps'),
  );
  for (const [i, { path, inode }] of files.entries()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of volume.fileChunks(inode)) chunks.push(chunk);
    const content = Buffer.concat(chunks);
    // For inline files debugfs dumps the whole inline area: 60 bytes of a shorter file, and nothing of a hole behind.
    const theirs = readFileSync(at(`dump-${i}`)).subarray(0, content.length);
    const padded = Buffer.concat([theirs, Buffer.alloc(content.length - theirs.length)]);
    expect(Buffer.compare(content, padded), path).toBe(0);
    if (theirs.length > 200) expect(theirs, path).toHaveLength(content.length);
    expect(Buffer.compare(await volume.readFile(path), content), path).toBe(0);
  }
}

async function expectSameAttributes(image: string, volume: Ext4Volume, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const xattrs = await volume.xattrs((await volume.resolve(path)) as number);
    const [listing = ''] = debugfs(image, [`ea_list ${path}`], at('list'));
    const theirs = [...listing.matchAll(/^ {2}(\S+) \((\d+)\)/gmu)].map(([, name, size]) => `${name} ${size}`);
    const ours = xattrs.map(({ name, value }) => `${name} ${value.length}`);
    expect(ours, path).toEqual(theirs.filter((line) => !line.startsWith('system.data')).sort());
    for (const { name, value } of xattrs) {
      writeFileSync(at('value'), '');
      debugfs(image, [`ea_get -f ${at('value')} ${path} ${name}`], at('get'));
      expect(Buffer.compare(readFileSync(at('value')), value), `${path} ${name}`).toBe(0);
    }
  }
}

describe.each(variants)('%s', (name, options) => {
  it('is read as debugfs reads it', async () => {
    const image = makeImage(name, options);
    run('e2fsck', ['-fn', image], { alsoFine: [4] });
    await withFile(image, (source) => expectSame(image, source));
  });
});

async function expectSame(image: string, source: RandomAccess): Promise<void> {
  const volume = await openExt4(source);
  const entries = await walkAll(volume);
  expect(entries.length).toBeGreaterThan(1000);
  await expectSameStats(image, entries);
  await expectSameFolders(image, volume, entries);
  await expectSameContent(image, volume, entries);
  await expectSameAttributes(image, volume, ['/char', '/crowd', '/pipe', '/']);
  for (const { path, kind } of entries.filter((entry) => entry.kind === 'symlink')) {
    expect(kind).toBe('symlink');
    const link = await volume.readlink(path);
    expect(encodeName(link).length, path).toBe((await volume.lstat(path))?.size);
  }
  expect(await volume.readlink('/made-by-debugfs')).toBe('/usr/bin');
  const [, label] = /Filesystem UUID:\s+(\S+)/u.exec(run('dumpe2fs', ['-h', image]).toString()) ?? [];
  expect(volume.uuid).toBe(label);
}

describe('a journal that was not replayed', () => {
  it('is noticed', async () => {
    const image = at('dirty.img');
    run('mke2fs', ['-q', '-t', 'ext4', image, '8M']);
    debugfs(image, ['feature needs_recovery'], at('dirty'), true);
    expect(await withFile(image, async (source) => (await openExt4(source)).needsRecovery)).toBe(true);
  });
});
