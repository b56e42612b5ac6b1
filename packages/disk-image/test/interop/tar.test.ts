import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  memorySource,
  openExt4,
  packTar,
  patchSquashfsRoot,
  squashfsRootOptions,
  type Ext4Volume,
  type PackTarOptions,
  type WalkEntry,
} from '../../src/index.js';
import { debugfs } from '../support/debugfs.js';
import { makeTree } from '../support/ext4-tree.js';
import { createRandom, seed } from '../support/runs.js';
import { run, useWorkFolder, withFile } from '../support/tools.js';

const at = useWorkFolder();
const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** A root file system with everything a squashfs must keep. */
function makeImage(): string {
  makeTree(at('tree'), createRandom(seed + 77), { folders: 20, files: 150, crowd: 300, longestFile: 300_000 });
  const image = at('root.img');
  run('mke2fs', ['-q', '-F', '-t', 'ext4', '-E', 'root_owner=33:44', '-d', at('tree'), image, '48M']);
  writeFileSync(at('capability'), capability);
  writeFileSync(at('text'), 'some text\nand = more');
  const commands = [
    'mknod char c 4 300',
    'mknod block b 259 7',
    'set_inode_field char mode 020620',
    'set_inode_field block mode 060660',
    'set_inode_field char uid 3000000',
    'set_inode_field char gid 70000',
    'set_inode_field pipe mode 010600',
    'set_inode_field pipe uid 33',
    'set_inode_field pipe gid 44',
    'set_inode_field / mode 041751',
    'write capability program',
    `ea_set -f ${at('capability')} program security.capability`,
    `ea_set -f ${at('text')} program user.text`,
    'ea_set crowd trusted.overlay.opaque y',
  ];
  debugfs(
    image,
    commands.map((command) => command.replace('write capability', `write ${at('capability')}`)),
    at('edit'),
    true,
  );
  return image;
}

async function packInto(volume: Ext4Volume, path: string, options: PackTarOptions): Promise<void> {
  const handle = openSync(path, 'w');
  for await (const chunk of packTar(volume, options)) writeSync(handle, chunk);
  closeSync(handle);
}

async function walkAll(volume: Ext4Volume): Promise<WalkEntry[]> {
  const entries: WalkEntry[] = [];
  for await (const entry of volume.walk()) if (!entry.path.startsWith('lost+found')) entries.push(entry);
  return entries;
}

/** Lines of unsquashfs's pseudo file definitions: `name TYPE time mode uid gid ...`, spaces in names escaped. */
function pseudoDefinitions(squashfs: string): Map<string, string[]> {
  run('unsquashfs', ['-pf', at('pseudo'), squashfs]);
  const [definitions = ''] = readFileSync(at('pseudo'), 'latin1').split('# START OF DATA');
  const lines = definitions.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const name = /^(?:\\.|[^ \\])+/u.exec(line)?.[0] ?? '';
      const path = Buffer.from(name.replace(/\\(.)/gu, '$1'), 'latin1').toString('utf8');
      return [path.replace(/^\//u, ''), line.slice(name.length + 1).split(' ')];
    }),
  );
}

const letters: Partial<Record<WalkEntry['kind'], string>> = {
  directory: 'D',
  char: 'C',
  block: 'B',
  symlink: 'S',
  fifo: 'I',
};

function expectDefinition(entry: WalkEntry, definition: string[] | undefined): void {
  const { kind, mode, uid, gid, mtime, rdev } = entry.stat;
  const [type, time, theirMode, theirUid, theirGid, ...rest] = definition ?? [];
  expect(type, entry.path).toBe(letters[kind] ?? 'R');
  expect(Number(time), entry.path).toBe(Math.max(0, mtime.seconds));
  expect(parseInt(theirMode ?? '', 8), entry.path).toBe(mode);
  expect([theirUid, theirGid].map(Number), entry.path).toEqual([uid, gid]);
  if (kind !== 'char' && kind !== 'block') return;
  // unsquashfs 4.5.1 prints the number as squashfs packs it, without unpacking minors above 255.
  const major = rdev.major | ((rdev.minor & ~0xff) << 4);
  expect(rest.slice(0, 2).map(Number), entry.path).toEqual([major, rdev.minor & 0xff]);
}

async function makeSquashfs(image: string, squashfs: string): Promise<WalkEntry[]> {
  return withFile(image, async (source) => {
    const volume = await openExt4(source);
    await packInto(volume, at('root.tar'), { target: 'squashfs' });
    const root = await volume.statInode(2);
    const options = ['-quiet', '-no-progress', '-comp', 'zstd', '-noI', ...squashfsRootOptions(root), squashfs];
    run('sqfstar', options, { input: readFileSync(at('root.tar')) });
    const { offset, bytes } = await withFile(squashfs, (made) => patchSquashfsRoot(made, root));
    const handle = openSync(squashfs, 'r+');
    writeSync(handle, bytes, 0, bytes.length, offset);
    closeSync(handle);
    return walkAll(volume);
  });
}

describe('a root packed by packTar', () => {
  let entries: WalkEntry[] = [];

  beforeAll(async () => {
    entries = await makeSquashfs(makeImage(), at('root.squashfs'));
    run('unsquashfs', ['-d', at('out'), '-no-progress', at('root.squashfs')], { alsoFine: [2] });
  });

  it('becomes a squashfs in which nothing is lost', () => {
    const definitions = pseudoDefinitions(at('root.squashfs'));
    const links = new Map<number, string>();
    for (const entry of entries) {
      const first = links.get(entry.inode);
      // unsquashfs writes "L" for the later names of a file with several.
      if (first === undefined || entry.kind === 'directory') expectDefinition(entry, definitions.get(entry.path || ''));
      if (entry.kind !== 'directory') links.set(entry.inode, entry.path);
    }
    expect(definitions.size).toBe(entries.length);
    const root = definitions.get('') ?? [];
    expect(root.slice(2)).toEqual(['1751', '33', '44']);

    for (const { path, kind, stat } of entries) {
      if (kind === 'symlink') expect(run('readlink', ['-n', join(at('out'), path)]).length, path).toBe(stat.size);
      if (kind !== 'file' || path === 'program') continue;
      expect(Buffer.compare(readFileSync(join(at('out'), path)), readFileSync(join(at('tree'), path))), path).toBe(0);
    }
  });

  it('gives the same squashfs each time', async () => {
    await withFile(at('root.img'), async (source) => {
      const root = await (await openExt4(source)).statInode(2);
      const digests = [1, 2].map((i) => {
        const squashfs = at(`again-${i}.squashfs`);
        const times = ['-mkfs-time', String(root.mtime.seconds)];
        const options = ['-quiet', '-no-progress', '-noI', ...times, ...squashfsRootOptions(root), squashfs];
        run('sqfstar', options, { input: readFileSync(at('root.tar')) });
        return squashfs;
      });
      const images = await Promise.all(
        digests.map(async (path) => {
          const bytes = Buffer.from(readFileSync(path));
          const patch = await patchSquashfsRoot(memorySource(bytes), root);
          bytes.set(patch.bytes, patch.offset);
          return bytes;
        }),
      );
      expect(Buffer.compare(images[0] as Buffer, images[1] as Buffer)).toBe(0);
    });
  });

  it('keeps capabilities and attributes through sqfstar, as far as this user may see them', () => {
    const names = execFileSync('getfattr', [
      '-d',
      '-m',
      '-',
      '-e',
      'hex',
      '--absolute-names',
      join(at('out'), 'program'),
    ]).toString();
    expect(names).toContain(`user.text=0x${Buffer.from('some text\nand = more').toString('hex')}`);
    const privileged = process.getuid?.() === 0;
    expect(names.includes(`security.capability=0x${capability.toString('hex')}`)).toBe(privileged);
    expect(existsSync(join(at('out'), 'crowd'))).toBe(true);
  });

  it('is listed by GNU tar with every attribute and time', async () => {
    await withFile(at('root.img'), async (source) => packInto(await openExt4(source), at('full.tar'), {}));
    const options = ['--xattrs', '--xattrs-include=*', '--full-time', '--numeric-owner', '--quoting-style=literal'];
    const lines = run('tar', ['-tvvf', at('full.tar'), ...options])
      .toString()
      .trimEnd()
      .split('\n');
    const attributes = lines.filter((line) => line.startsWith('  x: ')).map((line) => line.trim());
    expect(attributes.sort()).toEqual(['x: 1 trusted.overlay.opaque', 'x: 20 security.capability', 'x: 20 user.text']);
    const listed = lines.filter((line) => !line.startsWith('  '));
    expect(listed).toHaveLength(entries.length - 1);
    const char = listed.find((line) => line.endsWith(' char')) ?? '';
    expect(char.replace(/\s+/gu, ' ')).toMatch(/^crw--w----\*? 3000000\/70000 4,300 /u);
    const times = new Set(listed.map((line) => /(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?)/u.exec(line)?.[1]));
    for (const { path, stat } of entries.filter(({ kind, path }) => kind === 'file' && path !== 'program')) {
      const { seconds, nanoseconds } = stat.mtime;
      const date = new Date(seconds * 1000).toISOString().replace('T', ' ').slice(0, 19);
      const fraction = nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0')}`.replace(/0+$/u, '');
      expect(times.has(date + fraction), `${path} ${date}${fraction}`).toBe(true);
    }
  });
});
