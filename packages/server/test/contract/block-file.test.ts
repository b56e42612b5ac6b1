import { randomBytes } from 'node:crypto';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BlockFile } from '@drover/disk-image';
import {
  createFileLock,
  createGate,
  createHolePuncher,
  openBlockFile,
  openBlockSource,
} from '../../src/adapters/disks/index.js';
import { temporaryFolder } from './support/folders.js';
import { randomFrom } from './support/child.js';

const folder = temporaryFolder();
const deps = { slow: createGate(2), lock: createFileLock(), puncher: createHolePuncher() };

let names = 0;
const freshPath = (): string => join(folder, `disk-${(names += 1)}`);

async function freshFile(path = freshPath()): Promise<BlockFile> {
  const file = await openBlockFile(path, deps, { create: true });
  onTestFinished(() => file.close().catch(() => undefined));
  return file;
}

const read = async (file: Pick<BlockFile, 'readInto'>, offset: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(length, 0xee);
  await file.readInto(offset, bytes);
  return bytes;
};

const allocated = (path: string): number => statSync(path).blocks * 512;

describe('a block file', () => {
  it('gives at once what the kernel has in memory', async () => {
    const file = await freshFile();
    const content = randomBytes(300 << 10);
    await file.write(0, content);
    for (const [offset, length] of [
      [0, 1],
      [4095, 4098],
      [10_000, 256 << 10],
    ] as const) {
      const target = Buffer.alloc(length, 0xee);
      expect(file.readNow?.(offset, target)).toBe(true);
      expect(target.equals(content.subarray(offset, offset + length))).toBe(true);
    }
  });

  it('does not give at once what is behind its end, much, or in a closed file', async () => {
    const path = freshPath();
    writeFileSync(path, Buffer.alloc(1 << 20, 7));
    const file = await openBlockSource(path);
    expect(file.readNow?.((1 << 20) - 10, Buffer.alloc(11))).toBe(false);
    expect(file.readNow?.(0, Buffer.alloc((256 << 10) + 1))).toBe(false);
    await file.close();
    expect(file.readNow?.(0, Buffer.alloc(10))).toBe(false);
  });

  it('waits for what only the drive has', async () => {
    // Not in /tmp, which may be memory.
    const onDrive = mkdtempSync('/var/tmp/drover-block-file-');
    onTestFinished(() => rmSync(onDrive, { recursive: true }));
    const path = join(onDrive, 'disk');
    writeFileSync(path, randomBytes(1 << 20));
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
    execFileSync('sync', [path]);
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
    const file = await openBlockSource(path);
    onTestFinished(() => file.close());
    const answers = [0, 256, 512, 768].map((kib) => file.readNow?.(kib << 10, Buffer.alloc(4096)));
    expect(answers).toContain(false);
    expect((await read(file, 0, 1 << 20)).equals(readFileSync(path))).toBe(true);
  });

  it('is made for this user alone, once', async () => {
    const path = freshPath();
    await freshFile(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await expect(openBlockFile(path, deps, { create: true })).rejects.toMatchObject({ code: 'EEXIST' });
  });

  it('is not made by opening it', async () => {
    await expect(openBlockFile(freshPath(), deps)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is a regular file under its own name', async () => {
    const [path, link, directory] = [freshPath(), freshPath(), freshPath()];
    writeFileSync(path, 'disk');
    symlinkSync(path, link);
    mkdirSync(directory);
    await expect(openBlockFile(link, deps)).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(openBlockFile(link, deps, { create: true })).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(openBlockSource(link)).rejects.toMatchObject({ code: 'ELOOP' });
    await expect(openBlockSource(directory)).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(openBlockSource('/dev/null')).rejects.toMatchObject({ code: 'EINVAL' });
    expect(readFileSync(path, 'utf8')).toBe('disk');
  });

  it('holds what was written anywhere, and zeros elsewhere and behind its end', async () => {
    const file = await freshFile();
    await file.write(70_000, Buffer.from('far'));
    await file.write(10, [Buffer.from('a'), new Uint8Array(0), Buffer.from('bc')]);
    expect(file.size).toBe(70_003);
    expect(await read(file, 8, 8)).toEqual(Buffer.from('\0\0abc\0\0\0'));
    expect(await read(file, 70_000, 6)).toEqual(Buffer.from('far\0\0\0'));
    expect(await read(file, 200_000, 4)).toEqual(Buffer.alloc(4));
    const pieces = [Buffer.alloc(2, 0xee), Buffer.alloc(5, 0xee), Buffer.alloc(3, 0xee)];
    await file.readInto(70_001, pieces);
    expect(Buffer.concat(pieces)).toEqual(Buffer.from('ar\0\0\0\0\0\0\0\0'));
    await file.truncate(70_001);
    expect(file.size).toBe(70_001);
    expect(await read(file, 70_000, 3)).toEqual(Buffer.from('f\0\0'));
  });

  it('is what it was when it is opened again, and a source of what it holds', async () => {
    const path = freshPath();
    const file = await freshFile(path);
    await file.write(5, Buffer.from('kept'));
    await file.datasync();
    await file.close();
    const again = await openBlockFile(path, deps);
    expect([again.size, await read(again, 5, 4)]).toEqual([9, Buffer.from('kept')]);
    await again.close();
    const source = await openBlockSource(path);
    expect([source.size, await read(source, 4, 8)]).toEqual([9, Buffer.from('\0kept\0\0\0')]);
    await source.close();
  });

  it('takes more pieces than the system does at once', async () => {
    const file = await freshFile();
    const pieces = Array.from({ length: 2500 }, (_, index) =>
      Buffer.from([index & 255, index >>> 8, 7].slice(0, 1 + (index % 3))),
    );
    await file.write(3, pieces);
    const all = Buffer.concat(pieces);
    expect(file.size).toBe(3 + all.length);
    expect(await read(file, 3, all.length)).toEqual(all);
    const targets = pieces.map(({ length }) => Buffer.alloc(length));
    await file.readInto(3, targets);
    expect(Buffer.concat(targets)).toEqual(all);
  });

  it('serves calls that are under way at once', async () => {
    const file = await freshFile();
    const random = randomFrom(5);
    const expected = Buffer.alloc(256 * 1000);
    await Promise.all(
      Array.from({ length: 256 }, async (_, index) => {
        const bytes = Buffer.alloc(1000, 1 + Math.floor(random() * 255));
        bytes.copy(expected, index * 1000);
        await file.write(index * 1000, bytes);
        if (index % 16 === 0) await file.datasync();
      }),
    );
    expect(file.size).toBe(expected.length);
    expect(await read(file, 0, expected.length)).toEqual(expected);
  });

  it('waits for calls under way when it is closed, and takes none afterwards', async () => {
    const path = freshPath();
    const file = await freshFile(path);
    const written = Array.from({ length: 64 }, (_, index) => file.write(index * 65536, Buffer.alloc(65536, index + 1)));
    await file.close();
    await Promise.all(written);
    const bytes = readFileSync(path);
    for (let index = 0; index < 64; index++) expect(bytes[index * 65536 + 65535]).toBe(index + 1);
    const calls = [
      file.write(0, Buffer.of(1)),
      file.datasync(),
      file.truncate(0),
      file.punch!([{ offset: 0, length: 4096 }]),
    ];
    for (const call of [...calls, read(file, 0, 1)]) await expect(call).rejects.toMatchObject({ code: 'EBADF' });
    expect(statSync(path).size).toBe(64 * 65536);
  });
});

describe('holes', () => {
  const megabyte = 1 << 20;

  it('read as zeros, take no space, and leave size and neighbours as they were', async () => {
    const path = freshPath();
    const file = await freshFile(path);
    await file.write(0, Buffer.alloc(4 * megabyte, 0xaa));
    await file.datasync();
    const before = allocated(path);
    expect(before).toBeGreaterThanOrEqual(4 * megabyte);
    await file.punch!([
      { offset: megabyte, length: megabyte },
      { offset: 3 * megabyte, length: megabyte },
    ]);
    expect(before - allocated(path)).toBe(2 * megabyte);
    expect(statSync(path).size).toBe(4 * megabyte);
    const expected = Buffer.alloc(4 * megabyte, 0xaa)
      .fill(0, megabyte, 2 * megabyte)
      .fill(0, 3 * megabyte);
    expect((await read(file, 0, 4 * megabyte)).equals(expected)).toBe(true);
  });

  it('come by the hundred, behind the end of the file as well, and none is none', async () => {
    const path = freshPath();
    const file = await freshFile(path);
    await file.write(0, Buffer.alloc(512 * 8192, 1));
    await file.datasync();
    const before = allocated(path);
    await file.punch!(Array.from({ length: 512 }, (_, index) => ({ offset: index * 8192, length: 4096 })));
    // The file system keeps a few blocks to remember where the holes are.
    expect(before - allocated(path)).toBeGreaterThan(512 * 4096 - 65536);
    const expected = Buffer.alloc(512 * 8192, 1);
    for (let at = 0; at < expected.length; at += 8192) expected.fill(0, at, at + 4096);
    expect((await read(file, 0, expected.length)).equals(expected)).toBe(true);
    await file.punch!([{ offset: 10 * 2 ** 40, length: 65536 }]);
    await file.punch!([]);
    expect(statSync(path).size).toBe(512 * 8192);
  });

  it('that cannot be made are an error, which changes nothing else', async () => {
    const file = await freshFile();
    await file.write(0, Buffer.alloc(8192, 9));
    await expect(file.punch!([{ offset: 0, length: 0 }])).rejects.toThrow(/fallocate/);
    expect(await read(file, 0, 8192)).toEqual(Buffer.alloc(8192, 9));
    await file.punch!([{ offset: 4096, length: 4096 }]);
    expect((await read(file, 0, 8192)).equals(Buffer.alloc(8192, 9).fill(0, 4096))).toBe(true);
  });
});

describe('the lock of a block file', () => {
  it('keeps out whoever wants it as well, in this process and in others, until it is closed', async () => {
    const path = freshPath();
    const first = await openBlockFile(path, deps, { create: true, lockWaitMs: 0 });
    await expect(openBlockFile(path, deps, { lockWaitMs: 0 })).rejects.toMatchObject({
      code: 'EBUSY',
      message: expect.stringContaining(`${path} is in use`) as string,
    });
    expect(() => execFileSync('flock', ['--nonblock', path, 'true'])).toThrow();
    await first.write(0, Buffer.from('mine'));
    await first.close();
    execFileSync('flock', ['--nonblock', path, 'true']);
    const second = await openBlockFile(path, deps, { lockWaitMs: 0 });
    expect(await read(second, 0, 4)).toEqual(Buffer.from('mine'));
    await second.close();
  });

  it('is kept by a program that makes holes, when the process that began it was killed', async () => {
    const path = freshPath();
    const child = spawnChild('lock-holder.ts', path);
    const [helper] = (await once(createInterface(child.stdout!), 'line')) as [string];
    child.kill('SIGKILL');
    await once(child, 'close');
    await expect(openBlockFile(path, deps, { lockWaitMs: 0 })).rejects.toMatchObject({ code: 'EBUSY' });
    const waiting = openBlockFile(path, deps, { lockWaitMs: 60_000 });
    process.kill(Number(helper), 'SIGKILL');
    const file = await waiting;
    expect(await read(file, 0, 6)).toEqual(Buffer.from('locked'));
    await file.close();
  });
});

const script = (name: string): string[] => [
  '--conditions=drover-source',
  '--import',
  'tsx',
  fileURLToPath(new URL(`support/${name}`, import.meta.url)),
];

const spawnChild = (name: string, ...args: string[]): ReturnType<typeof spawn> =>
  spawn(process.execPath, [...script(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });

interface Filled {
  full: { code: unknown; message: string; written: number };
  keepsWhatItHad: boolean;
  reads: boolean;
  goesOn: boolean;
}

/** Runs a script with a file system of 8 MiB at its folder, which nobody else sees. */
function onSmallFileSystem(kind: string): Filled {
  const mountPoint = freshPath();
  const image = freshPath();
  mkdirSync(mountPoint);
  const isRoot = process.getuid?.() === 0;
  const space = ['--mount', '--propagation', 'private', ...(isRoot ? [] : ['--user', '--map-root-user'])];
  const mount =
    kind === 'ext4'
      ? 'truncate -s 8M "$2" && mkfs.ext4 -q -m 0 "$2" && mount -o loop "$2" "$1"'
      : 'mount -t tmpfs -o size=8m small "$1"';
  const command = `PATH=$PATH:/usr/sbin:/sbin; ${mount} && shift 2 && exec "$@"`;
  const args = [
    ...space,
    'sh',
    '-c',
    command,
    'sh',
    mountPoint,
    image,
    process.execPath,
    ...script('full-disk.ts'),
    mountPoint,
  ];
  return JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' })) as Filled;
}

/** Loop devices are for root. */
const smallKinds = process.getuid?.() === 0 ? ['tmpfs', 'ext4'] : ['tmpfs'];

describe.each(smallKinds)('a file system that is full: %s', (kind) => {
  it('is said to be, keeps what was written, and goes on when there is room', () => {
    const { full, ...rest } = onSmallFileSystem(kind);
    expect(full).toMatchObject({
      code: 'ENOSPC',
      message: expect.stringContaining('the file system is full') as string,
    });
    expect(full.written).toBeGreaterThanOrEqual(4 << 20);
    expect(rest).toEqual({ keepsWhatItHad: true, reads: true, goesOn: true });
  });
});
