import { execFile } from 'node:child_process';
import {
  chmod,
  link,
  lutimes,
  mkdir,
  mkdtemp,
  open,
  readdir,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RefusedError } from '@drover/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileSource } from '../../src/adapters/import/file-source.js';
import { createToolRunner } from '@drover/tools';
import { createRootPacker } from '../../src/adapters/tools/index.js';

const execute = promisify(execFile);
const isRoot = process.getuid?.() === 0;

let dir: string;
let volume: string;
const at = (name: string): string => join(dir, name);

/** An ext4 volume with what copies of a root tend to lose, made without mounting and without root. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-root-pack-'));
  volume = at('root.ext4');
  const tree = at('tree');
  const put = async (name: string, text: string, mode = 0o644) => {
    await mkdir(join(tree, name, '..'), { recursive: true });
    await writeFile(join(tree, name), text);
    await chmod(join(tree, name), mode);
  };
  await put('etc/shadow', 'root:*\n', 0o640);
  await put('usr/bin/sudo', 'set user id\n', 0o4755);
  await put('usr/bin/ping', 'capable\n', 0o755);
  await put('first', 'one file, two names\n');
  await link(join(tree, 'first'), join(tree, 'second'));
  await symlink('../etc/shadow', join(tree, 'usr/link'));
  await put('holes', 'begin');
  await truncate(join(tree, 'holes'), 4 * 1024 * 1024);
  await put('größe-東京.txt', 'name\n');
  await put(`${'n'.repeat(255)}`, 'long\n');
  await put('old', 'old\n');
  await utimes(join(tree, 'old'), 1_000_000_000, 1_000_000_000);
  await lutimes(join(tree, 'usr/link'), 1_000_000_000, 1_000_000_000);
  await mkdir(join(tree, 'tmp'));
  await chmod(join(tree, 'tmp'), 0o1777);
  await chmod(tree, 0o755);
  await truncateNew(volume, 64 * 1024 * 1024);
  await execute('mke2fs', ['-q', '-t', 'ext4', '-d', tree, volume]);
  const capability = Buffer.from('010000020030000000000000', 'hex').toString('hex');
  await writeFile(at('capability'), Buffer.from(`${capability}0000000000000000`, 'hex'));
  const commands = [
    'cd dev',
    'mknod mmcblk0 b 179 0',
    'mknod tty c 5 0',
    'mknod fifo p',
    'sif /dev/mmcblk0 mode 060660',
    'sif /etc/shadow gid 42',
    'sif /old uid 1000',
    'sif /old gid 100000',
    `ea_set -f ${at('capability')} /usr/bin/ping security.capability`,
    'ea_set /first user.drover kept',
    'sif / uid 0',
    'sif / gid 0',
  ];
  await mkdir(at('scripts'));
  await writeFile(at('scripts/fill'), ['mkdir dev', ...commands].join('\n'));
  await execute('debugfs', ['-w', '-f', at('scripts/fill'), volume]);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function truncateNew(path: string, size: number): Promise<void> {
  await writeFile(path, '');
  await truncate(path, size);
}

const packer = createRootPacker({ tools: createToolRunner(), openSource: openFileSource, processors: 1 });

async function pack(
  path = volume,
  options: {
    output?: string;
    compression?: 'gzip' | 'zstd' | 'xz';
    signal?: AbortSignal;
    offset?: number;
    onProgress?: (done: number) => void;
  } = {},
) {
  const output = options.output ?? at('root.squashfs');
  const progress: (readonly [number, number | null])[] = [];
  const info = await packer.pack({ path, offset: options.offset ?? 0, length: 64 * 1024 * 1024 }, output, {
    compression: options.compression ?? 'zstd',
    signal: options.signal ?? new AbortController().signal,
    progress: (done, total) => {
      progress.push([done, total]);
      options.onProgress?.(done);
    },
  });
  return { info, output, progress };
}

/** Mode, owner, size or device, and name of each entry. */
async function list(file: string): Promise<Map<string, string>> {
  const { stdout } = await execute('unsquashfs', ['-lln', file], { env: { ...process.env, TZ: 'UTC' } });
  const entries = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const match = /^(\S{10}) (\S+)\s+(\d+(?:,\s*\d+)?) (\S+ \S+) squashfs-root(.*)$/.exec(line);
    if (match !== null)
      entries.set(match[5] ?? '', `${match[1]} ${match[2]} ${match[3]?.replace(/\s/g, '')} ${match[4]}`);
  }
  return entries;
}

describe('a packed root', () => {
  test('keeps modes, owners, links, devices, holes, names and times', async () => {
    const { info, output, progress } = await pack();
    const entries = await list(output);
    const start = (name: string): string => entries.get(name)?.split(' ').slice(0, 3).join(' ') ?? 'absent';
    expect(start('')).toMatch(/^drwxr-xr-x /);
    expect(start('/etc/shadow')).toBe(`-rw-r----- ${process.getuid?.()}/42 7`);
    expect(start('/usr/bin/sudo')).toMatch(/^-rwsr-xr-x /);
    expect(start('/tmp')).toMatch(/^drwxrwxrwt /);
    expect(start('/dev/mmcblk0')).toBe('brw-rw---- 0/0 179,0');
    expect(start('/dev/tty')).toMatch(/^c\S+ 0\/0 5,0$/);
    expect(start('/dev/fifo')).toMatch(/^p/);
    expect(start('/holes')).toMatch(/ 4194304$/);
    expect(entries.get('/old')).toBe('-rw-r--r-- 1000/100000 4 2001-09-09 01:46');
    expect(entries.get('/usr/link -> ../etc/shadow')).toMatch(/^lrwxrwxrwx .* 2001-09-09 01:46$/);
    expect(entries.has(`/${'n'.repeat(255)}`)).toBe(true);
    expect(entries.has('/lost+found')).toBe(false);
    expect(info.size).toBeLessThan(200_000);
    expect(progress.at(-1)?.[0]).toBe(progress.at(-1)?.[1]);
  });

  test('keeps hard links and extended attributes', async () => {
    const { output } = await pack();
    const to = at('extracted');
    await execute('unsquashfs', ['-q', '-n', '-no-exit', '-d', to, output]).catch((fault: unknown) => {
      // Without root, device nodes cannot be made.
      if (isRoot) throw fault;
    });
    const { stdout: inodes } = await execute('stat', ['-c', '%i', join(to, 'first'), join(to, 'second')]);
    expect(new Set(inodes.trim().split('\n')).size).toBe(1);
    const { stdout } = await execute('getfattr', ['-d', '-m', '-', '--absolute-names', join(to, 'first')]);
    expect(stdout).toContain('user.drover="kept"');
    if (isRoot) {
      const { stdout: capability } = await execute('getcap', [join(to, 'usr/bin/ping')]);
      expect(capability).toMatch(/cap_net_admin,cap_net_raw/);
    }
  });

  test.each(['gzip', 'zstd', 'xz'] as const)('is made with %s, the same bytes each time', async (compression) => {
    const first = await pack(volume, { compression, output: at('a.squashfs') });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const second = await pack(volume, { compression, output: at('b.squashfs') });
    expect(second.info).toEqual(first.info);
    const { stdout } = await execute('unsquashfs', ['-s', first.output]);
    expect(stdout).toContain(`Compression ${compression}`);
  });

  test('comes from a partition in the middle of a disk', async () => {
    const disk = at('disk.img');
    await truncateNew(disk, 70 * 1024 * 1024);
    await execute('dd', [`if=${volume}`, `of=${disk}`, 'bs=1M', 'seek=4', 'conv=notrunc,sparse', 'status=none']);
    const whole = await pack();
    expect((await pack(disk, { offset: 4 * 1024 * 1024 })).info).toEqual(whole.info);
  });
});

describe('a root that was not cleanly unmounted', () => {
  test('is repaired in a copy; the image stays as it is', async () => {
    const unclean = at('unclean.ext4');
    await execute('cp', ['--sparse=always', volume, unclean]);
    await execute('debugfs', ['-w', '-R', 'feature +needs_recovery', unclean]);
    const before = (await execute('sha256sum', [unclean])).stdout;
    const { output } = await pack(unclean, { output: at('unclean.squashfs') });
    expect((await list(output)).has('/usr/bin/sudo')).toBe(true);
    expect((await execute('sha256sum', [unclean])).stdout).toBe(before);
    expect((await readdir(dir)).filter((name) => name.endsWith('.squashfs.ext4'))).toEqual([]);
  });
});

describe('a root that cannot be packed', () => {
  const refusalOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (fault: unknown) => (fault instanceof RefusedError ? fault.refusal : fault),
    );

  test('because it is no ext4, is refused', async () => {
    const other = at('other.img');
    await truncateNew(other, 64 * 1024 * 1024);
    expect(await refusalOf(pack(other))).toMatchObject({ ok: false, code: 'image.broken' });
  });

  test('because its metadata is broken, is refused and leaves no process', async () => {
    const broken = at('broken.ext4');
    await execute('cp', [volume, broken]);
    const file = await open(broken, 'r+');
    const { stdout } = await execute('debugfs', ['-R', 'imap <2>', broken]);
    const block = Number(/located at block (\d+)/.exec(stdout)?.[1]);
    const size = Number(/Block size:\s+(\d+)/.exec((await execute('dumpe2fs', ['-h', broken])).stdout)?.[1]);
    await file.write(Buffer.alloc(size, 0xff), 0, size, block * size);
    await file.close();
    expect(await refusalOf(pack(broken))).toMatchObject({ ok: false, code: 'image.broken' });
  });

  test('because somebody cancelled, rejects with the reason', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by a test');
    const cancelHalfway = () => controller.abort(reason);
    await expect(
      pack(volume, { signal: controller.signal, compression: 'xz', onProgress: cancelHalfway }),
    ).rejects.toBe(reason);
  });
});

describe('programs', () => {
  const tools = createToolRunner();
  const fails = (work: Promise<unknown>) => expect(work).rejects.toMatchObject({ name: 'RefusedError' });

  test('that are not installed are named with their package', async () => {
    await fails(tools.run('no-such-program', []));
    await tools.run('no-such-program', []).catch((fault: RefusedError) => {
      expect(fault.refusal.code).toBe('tool.missing');
    });
    await tools.run('no-such-program', [], { env: { A: 'b' } }).catch((fault: RefusedError) => {
      expect(fault.refusal.code).toBe('tool.missing');
    });
  });

  test('that fail are quoted', async () => {
    await tools.run('sh', ['-c', 'echo it is broken >&2; exit 3']).then(
      () => expect.unreachable(),
      (fault: RefusedError) => {
        expect(fault.refusal.code).toBe('tool.failed');
        expect(fault.refusal.detail).toBe('sh ended with 3: it is broken');
      },
    );
  });

  test('get their arguments as they are, without a shell', async () => {
    const { stdout } = await tools.run('printf', ['%s|', 'a b', '$(id)', "'", ';']);
    expect(stdout).toBe("a b|$(id)|'|;|");
  });

  test('that do not read all their input are judged by how they end', async () => {
    async function* endless(): AsyncIterable<Uint8Array> {
      for (;;) yield Buffer.alloc(65_536);
    }
    expect((await tools.run('head', ['-c', '3'], { input: endless() })).stdout).toBe('\0\0\0');
  });

  test('end when their source fails, and the fault of the source is what is thrown', async () => {
    async function* broken(): AsyncIterable<Uint8Array> {
      yield Buffer.from('x');
      throw new Error('the disk is gone');
    }
    await expect(tools.run('cat', [], { input: broken() })).rejects.toThrow('the disk is gone');
  });

  test('that do not end on request are ended', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const started = Date.now();
    await expect(
      tools.run('sh', ['-c', 'trap "" TERM; while :; do sleep 0.1; done'], { signal: controller.signal }),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(Date.now() - started).toBeLessThan(20_000);
  });
});
