import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CloneMethod } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openFileSource } from '../../src/adapters/import/file-source.js';
import { openDirectories, type UnpackTree } from '../../src/adapters/nfs/index.js';
import { unpackTree } from '../../src/adapters/tools/index.js';
import { unpackInThread } from '../../src/boot-plane/nfs/unpack.js';
import { silentLog } from '../boot/log.js';
import { describeTree, makeTreeImage, type TreeImage } from './nfs-image.js';

// Directories as boards get them, on the file system of this machine, and on those that can do more.

const execute = promisify(execFile);
const tools = createToolRunner();
const digest = 'ab'.repeat(32);
const never = { signal: new AbortController().signal, progress: () => undefined };
const plan = (disk: string) => ({ disk, origin: { kind: 'image', digest, partition: 2 } }) as const;

let dir: string;
let image: TreeImage;
let wanted: string;
const opened: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-directories-'));
  image = await makeTreeImage(dir);
  wanted = await describeTree(image.tree);
});
/** Everything that is mounted below a folder. */
const unmountAll = async (folder: string): Promise<void> => {
  const { stdout } = await execute('findmnt', ['-rno', 'TARGET']);
  for (const target of stdout
    .split('\n')
    .filter((each) => each.startsWith(`${folder}/`))
    .reverse())
    await execute('umount', [target]);
};
afterEach(async () => {
  for (const folder of opened.splice(0)) {
    await unmountAll(folder);
    const { stdout } = await execute('findmnt', ['-rno', 'TARGET']);
    if (stdout.split('\n').includes(folder)) await execute('umount', [folder]);
    await rm(folder, { recursive: true });
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const inProcess: UnpackTree = (source, folder, options) =>
  unpackTree({ tools, openSource: openFileSource }, source, folder, options);

const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'drv-nfs-'));
  opened.push(folder);
  return folder;
};

/** A folder on a file system of its own, made by its own programs. */
const folderFor = async (method: CloneMethod): Promise<string> => {
  const folder = await newFolder();
  if (method === 'overlay' || method === 'copy') return folder;
  const volume = join(dir, `${method}-${opened.length}-${Date.now()}.img`);
  await writeFile(volume, '');
  await execute('truncate', ['-s', '400M', volume]);
  await execute(method === 'snapshot' ? 'mkfs.btrfs' : 'mkfs.xfs', ['-q', volume]);
  await execute('mount', ['-o', 'loop', volume, folder]);
  return folder;
};

const open = (folder: string, method: CloneMethod | 'auto' = 'auto', unpack: UnpackTree = inProcess) =>
  openDirectories({ ...{ folder, method, unpack, tools, log: silentLog }, blobPath: async () => image.path });

describe.each(['snapshot', 'reflink', 'overlay', 'copy'] as const)('a directory by %s', (method) => {
  it('has the image’s files with all that they are, and changes no other', async () => {
    const folder = await folderFor(method);
    // The best that the file system can is what is taken unasked, but for copies.
    const pool = await open(folder, method === 'copy' ? 'copy' : 'auto');
    await pool.create(plan('dsk_A'), never);
    await pool.create(plan('dsk_B'), never);
    const [a, b] = [await pool.facts('dsk_A'), await pool.facts('dsk_B')];
    expect([a?.clone, b?.clone]).toEqual([method, method]);
    expect(await describeTree(a?.folder ?? '')).toBe(wanted);
    await writeFile(join(a?.folder ?? '', 'etc/shadow'), 'mine\n');
    await rm(join(a?.folder ?? '', 'usr/bin/sudo'));
    expect(await describeTree(b?.folder ?? '')).toBe(wanted);
    await pool.create(plan('dsk_C'), never);
    expect(await describeTree((await pool.facts('dsk_C'))?.folder ?? '')).toBe(wanted);
    expect(new Set([a?.number, b?.number, (await pool.facts('dsk_C'))?.number]).size).toBe(3);
  });

  it('is as it was after a restart, also of the machine', async () => {
    const folder = await folderFor(method);
    const pool = await open(folder, method);
    await pool.create(plan('dsk_A'), never);
    const before = await pool.facts('dsk_A');
    await writeFile(join(before?.folder ?? '', 'kept'), 'kept\n');
    const again = await open(folder, method);
    expect(await again.facts('dsk_A')).toMatchObject({ folder: before?.folder, number: before?.number });
    await unmountAll(folder);
    const after = await (await open(folder, method)).facts('dsk_A');
    expect(after).toMatchObject({ folder: before?.folder, number: before?.number });
    expect(await readFile(join(after?.folder ?? '', 'kept'), 'utf8')).toBe('kept\n');
  });

  it('goes whole, and its number is free again', async () => {
    const folder = await folderFor(method);
    const pool = await open(folder, method);
    await pool.create(plan('dsk_A'), never);
    const { number } = (await pool.facts('dsk_A')) ?? {};
    await pool.remove('dsk_A');
    await pool.remove('dsk_A');
    expect(await pool.facts('dsk_A')).toBeUndefined();
    expect(await readdir(join(folder, 'disks'))).toEqual([]);
    expect(await readdir(join(folder, 'trash'))).toEqual([]);
    expect((await execute('findmnt', ['-rno', 'TARGET'])).stdout).not.toContain(`${folder}/`);
    await pool.create(plan('dsk_B'), never);
    expect((await pool.facts('dsk_B'))?.number).toBe(number);
  });
});

describe('directories', () => {
  it('are made of an image that is unpacked once, in a thread, for all who ask at once', async () => {
    const folder = await newFolder();
    let unpacked = 0;
    const counted: UnpackTree = (...how) => {
      unpacked += 1;
      return unpackInThread(...how);
    };
    const pool = await open(folder, 'auto', counted);
    const seen: number[] = [];
    const options = { ...never, progress: (done: number) => void seen.push(done) };
    await Promise.all(['dsk_A', 'dsk_B', 'dsk_C'].map((disk) => pool.create(plan(disk), options)));
    expect(unpacked).toBe(1);
    expect(seen.length).toBeGreaterThan(2);
    expect(await describeTree((await pool.facts('dsk_B'))?.folder ?? '')).toBe(wanted);
  });

  it('leave nothing when they are no longer wanted, and others who wait for the same image get theirs', async () => {
    const folder = await newFolder();
    const pool = await open(folder);
    const cancel = new AbortController();
    const first = pool.create(plan('dsk_A'), { ...never, signal: cancel.signal });
    const second = pool.create(plan('dsk_B'), never);
    cancel.abort(new Error('cancelled'));
    await expect(first).rejects.toThrow('cancelled');
    await second;
    expect(await readdir(join(folder, 'disks'))).toEqual(['dsk_B']);
    const only = new AbortController();
    const other = open(await newFolder());
    const third = (await other).create(plan('dsk_A'), { ...never, signal: only.signal });
    setTimeout(() => only.abort(new Error('cancelled')), 20);
    await expect(third).rejects.toThrow();
    await (await other).create(plan('dsk_A'), never);
    expect(await describeTree((await (await other).facts('dsk_A'))?.folder ?? '')).toBe(wanted);
  });

  it('that a crash left half made are gone at the next start, and their image is unpacked anew', async () => {
    const folder = await newFolder();
    await open(folder);
    await mkdir(join(folder, 'disks', 'dsk_A', 'root'), { recursive: true });
    await mkdir(join(folder, 'trash', 'dsk_Z', 'root', 'deep'), { recursive: true });
    const half = join(folder, 'images', `${digest}-2`);
    await mkdir(join(half, 'base', 'tree'), { recursive: true });
    await writeFile(join(half, 'base', 'tree', 'half'), '');
    const pool = await open(folder);
    expect(await pool.facts('dsk_A')).toBeUndefined();
    expect(await readdir(join(folder, 'trash'))).toEqual([]);
    await pool.create(plan('dsk_A'), never);
    expect(await describeTree((await pool.facts('dsk_A'))?.folder ?? '')).toBe(wanted);
  });

  it('keep the files of an image for a day after the last directory of it is gone', async () => {
    const folder = await newFolder();
    const pool = await open(folder);
    await pool.create(plan('dsk_A'), never);
    const ready = join(folder, 'images', `${digest}-2`, 'ready');
    const old = new Date(Date.now() - 25 * 3600_000);
    await execute('touch', ['-d', old.toISOString(), ready]);
    await pool.sweep();
    expect(await readdir(join(folder, 'images'))).toHaveLength(1);
    await pool.remove('dsk_A');
    await execute('touch', [ready]);
    await pool.sweep();
    expect(await readdir(join(folder, 'images'))).toHaveLength(1);
    await execute('touch', ['-d', old.toISOString(), ready]);
    await pool.sweep();
    expect(await readdir(join(folder, 'images'))).toEqual([]);
  });

  it('of Bakery’s kind hold a sparse disk.img', async () => {
    const pool = await open(await newFolder());
    await pool.create({ disk: 'dsk_A', origin: { kind: 'empty', size: 10 * 2 ** 30 } }, never);
    const facts = await pool.facts('dsk_A');
    expect(facts).toMatchObject({ clone: null });
    expect((await stat(join(facts?.folder ?? '', 'disk.img'))).size).toBe(10 * 2 ** 30);
    expect(facts?.ownBytes).toBeLessThan(64 * 1024);
  });

  it('take the way that is asked for, or say that the file system cannot', async () => {
    const pool = await open(await newFolder(), 'reflink');
    await expect(pool.create(plan('dsk_A'), never)).rejects.toMatchObject({
      refusal: { code: 'disk.invalid', detail: expect.stringContaining('by reflink (setting nfs.clone)') as string },
    });
    await expect(open(join(await newFolder(), 'a,b'))).rejects.toMatchObject({ refusal: { code: 'disk.invalid' } });
  });

  it('are not made of what is no image', async () => {
    const folder = await newFolder();
    const broken = join(folder, 'broken.img');
    await writeFile(broken, Buffer.alloc(1 << 20, 7));
    const pool = await openDirectories({
      ...{ folder: join(folder, 'nfs'), method: 'auto', unpack: unpackInThread, tools, log: silentLog },
      blobPath: async () => broken,
    });
    await expect(pool.create(plan('dsk_A'), never)).rejects.toMatchObject({ refusal: { code: 'image.broken' } });
    expect(await readdir(join(folder, 'nfs', 'disks'))).toEqual([]);
  });
});
