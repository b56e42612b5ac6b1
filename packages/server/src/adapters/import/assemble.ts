import { execFile } from 'node:child_process';
import { mkdir, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { refusal, RefusedError } from '@drover/contract';
import type { BlobInfo } from '../../app/blobs/ports.js';
import { followHash } from './follow-hash.js';

const run = promisify(execFile);
const MiB = 1 << 20;
const bootStart = 4 * MiB;
/** Raspberry Pi firmware reads FAT32 from this size on without doubt, and kernels of later updates still fit. */
const leastBootSize = 128 * MiB;

const packages: Readonly<Record<string, string>> = {
  tar: 'tar',
  fakeroot: 'fakeroot',
  'mkfs.vfat': 'dosfstools',
  mcopy: 'mtools',
  sfdisk: 'fdisk',
  du: 'coreutils',
};

/** Runs a tool without a shell; a missing one and a failing one become refusals that name the remedy. */
async function tool(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
  subject: string,
  input?: string,
): Promise<string> {
  try {
    const running = run(command, args, {
      signal,
      maxBuffer: 4 * MiB,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', MTOOLS_SKIP_CHECK: '1' },
    });
    if (input !== undefined) running.child.stdin?.end(input);
    return (await running).stdout;
  } catch (fault) {
    const failed = fault as NodeJS.ErrnoException & { stderr?: string };
    signal.throwIfAborted();
    if (failed.code === 'ENOENT') {
      throw new RefusedError(
        refusal('tool.missing', `The program ${command} is not installed.`, {
          remedy: `Install it: apt-get install ${packages[command] ?? command}`,
        }),
      );
    }
    throw new RefusedError(
      refusal('image.broken', `${subject} cannot be used: ${(failed.stderr ?? failed.message).trim().slice(-1000)}`, {
        remedy: 'Hand over a plain or compressed tar of the boot files and one of the root file system.',
      }),
    );
  }
}

const usedBytes = async (folder: string, signal: AbortSignal): Promise<number> =>
  Number((await tool('du', ['-s', '-B1', folder], signal, 'the folder')).split('\t')[0]);

const roundUp = (bytes: number): number => Math.ceil(bytes / (4 * MiB)) * 4 * MiB;

/**
 * Owners and device nodes need root rights or fakeroot. Under fakeroot extended attributes are left out: 1.31 forgets the file type of a file that gets
 * one while it is unpacked, and mke2fs then cannot place it.
 */
const asRoot = process.getuid?.() === 0;

/** The same tool with the rights to own files as anybody; `state` carries what fakeroot pretends from one call to the next. */
const owning = (command: string, args: readonly string[], flag: '-s' | '-i', state: string): [string, string[]] =>
  asRoot ? [command, [...args]] : ['fakeroot', [flag, state, command, ...args]];

async function unpackRoot(tar: string, folder: string, state: string, signal: AbortSignal): Promise<void> {
  const attributes = asRoot ? ['--xattrs', '--xattrs-include=*'] : [];
  const [command, args] = owning('tar', ['--numeric-owner', ...attributes, '-xpf', tar, '-C', folder], '-s', state);
  await tool(command, args, signal, 'The tar of the root');
}

interface RootPlace {
  readonly disk: string;
  /** Bytes. */
  readonly start: number;
  readonly size: number;
}

async function fillRoot(place: RootPlace, folder: string, state: string, signal: AbortSignal): Promise<void> {
  const layout = `offset=${place.start},lazy_itable_init=0,lazy_journal_init=0`;
  const target = ['-d', folder, '-E', layout, place.disk, `${place.size / 1024}k`];
  const [command, args] = owning('mke2fs', ['-q', '-F', '-t', 'ext4', '-L', 'rootfs', ...target], '-i', state);
  await tool(command, args, signal, 'The tar of the root');
}

async function fillBoot(disk: string, folder: string, size: number, signal: AbortSignal): Promise<void> {
  await tool(
    'mkfs.vfat',
    ['-F', '32', '-n', 'BOOTFS', '--offset', String(bootStart / 512), disk, String(size / 1024)],
    signal,
    'The boot partition',
  );
  const names = (await readdir(folder)).map((name) => join(folder, name));
  if (names.length === 0) {
    throw new RefusedError(
      refusal('image.broken', 'The tar of the boot files is empty.', {
        remedy: 'Pack config.txt, the kernel and the firmware files at its top.',
      }),
    );
  }
  await tool(
    'mcopy',
    ['-s', '-Q', '-m', '-i', `${disk}@@${bootStart}`, ...names, '::'],
    signal,
    'The tar of the boot files',
  );
}

/** Builds an MBR disk (FAT32 boot, ext4 root) from a tar of the boot files and a tar of the root, without root rights and without mounting. */
export async function assemble(
  bootTar: string,
  rootTar: string,
  output: string,
  { limit, signal }: { limit: number; signal: AbortSignal },
): Promise<BlobInfo> {
  const work = `${output}.d`;
  const [bootFolder, rootFolder] = [join(work, 'boot'), join(work, 'root')];
  try {
    await Promise.all([bootFolder, rootFolder].map((folder) => mkdir(folder, { recursive: true })));
    await tool('tar', ['--no-same-owner', '-xf', bootTar, '-C', bootFolder], signal, 'The tar of the boot files');
    const bootSize = Math.max(leastBootSize, roundUp((await usedBytes(bootFolder, signal)) * 1.5));
    const state = join(work, 'fakeroot');
    await unpackRoot(rootTar, rootFolder, state, signal);
    const rootSize = roundUp((await usedBytes(rootFolder, signal)) * 1.25 + 64 * MiB);
    const size = bootStart + bootSize + rootSize;
    if (size > limit) {
      throw new RefusedError(
        refusal('image.too-large', `The disk would have ${size} bytes, more than ${limit}.`, {
          remedy: 'Raise images.maxSize in the settings.',
        }),
      );
    }
    await (await open(output, 'w', 0o600)).close();
    await truncate(output, size);
    const sectors = { boot: bootSize / 512, root: rootSize / 512, start: bootStart / 512 };
    const table = `label: dos\nstart=${sectors.start}, size=${sectors.boot}, type=c\nstart=${sectors.start + sectors.boot}, size=${sectors.root}, type=83\n`;
    await tool('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', output], signal, 'The disk', table);
    await fillBoot(output, bootFolder, bootSize, signal);
    const rootStart = bootStart + bootSize;
    await fillRoot({ disk: output, start: rootStart, size: rootSize }, rootFolder, state, signal);
    return await digestOf(output, limit, signal);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function digestOf(path: string, limit: number, signal: AbortSignal): Promise<BlobInfo> {
  const file = await open(path, 'r+');
  try {
    const { digest } = await followHash(file, { limit, signal, written: () => true });
    await file.datasync();
    return { digest, size: (await stat(path)).size };
  } finally {
    await file.close();
  }
}
