import { mkdir, open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { BlobInfo } from '../../app/blobs/ports.js';
import type { ImageUnpacker } from '../../app/images/ports.js';
import { hashFile } from './hash-file.js';
import { owning, unpackBootTar, unpackRootTar } from './tars.js';
import { runTool } from './tool.js';

type AssembleOptions = Parameters<ImageUnpacker['assemble']>[3];

const MiB = 1 << 20;
const bootStart = 4 * MiB;
/** Raspberry Pi firmware reads FAT32 from this size on without doubt, and kernels of later updates still fit. */
const leastBootSize = 128 * MiB;
/** ext4's own default, bytes for each inode, and what an inode takes in its table. */
const bytesPerInode = 16_384;
const inodeSize = 256;

const roundUp = (bytes: number): number => Math.ceil(bytes / (4 * MiB)) * 4 * MiB;

/** What `du` counts below a folder: bytes on the disk, or inodes. */
const measure = async (what: '-B1' | '--inodes', folder: string, signal: AbortSignal): Promise<number> =>
  Number((await runTool({ command: 'du', args: ['-s', what, folder], signal, subject: 'The folder' })).split('\t')[0]);

interface RootPlace {
  readonly disk: string;
  /** Bytes. */
  readonly start: number;
  readonly size: number;
  readonly inodes: number;
}

/** Room for what is there and a quarter more, also for many files of no size. */
async function planRoot(folder: string, signal: AbortSignal): Promise<Pick<RootPlace, 'size' | 'inodes'>> {
  const files = Math.ceil((await measure('--inodes', folder, signal)) * 1.25) + 1024;
  const size = roundUp((await measure('-B1', folder, signal)) * 1.25 + files * inodeSize + 64 * MiB);
  return { size, inodes: Math.max(files, Math.floor(size / bytesPerInode)) };
}

async function fillRoot(place: RootPlace, folder: string, state: string, signal: AbortSignal): Promise<void> {
  const layout = `offset=${place.start},lazy_itable_init=0,lazy_journal_init=0`;
  const size = ['-I', String(inodeSize), '-N', String(place.inodes)];
  const target = ['-d', folder, '-E', layout, place.disk, `${place.size / 1024}k`];
  const args = ['-q', '-F', '-t', 'ext4', '-L', 'rootfs', ...size, ...target];
  await runTool({ ...owning('mke2fs', args, '-i', state), signal, subject: 'The tar of the root' });
}

async function fillBoot(disk: string, folder: string, size: number, signal: AbortSignal): Promise<void> {
  const place = ['--offset', String(bootStart / 512), disk, String(size / 1024)];
  const make = ['-F', '32', '-n', 'BOOTFS', ...place];
  await runTool({ command: 'mkfs.vfat', args: make, signal, subject: 'The boot partition' });
  const names = (await readdir(folder)).map((name) => join(folder, name));
  if (names.length === 0) {
    throw new RefusedError(
      refusal('image.broken', 'The tar of the boot files is empty.', {
        remedy: 'Pack config.txt, the kernel and the firmware files at its top.',
      }),
    );
  }
  const copy = ['-s', '-Q', '-m', '-i', `${disk}@@${bootStart}`, ...names, '::'];
  await runTool({ command: 'mcopy', args: copy, signal, subject: 'The tar of the boot files' });
}

async function partition(disk: string, boot: number, root: number, signal: AbortSignal): Promise<void> {
  await (await open(disk, 'w', 0o600)).close();
  await truncate(disk, bootStart + boot + root);
  const sectors = (bytes: number): number => bytes / 512;
  const input = [
    'label: dos',
    `start=${sectors(bootStart)}, size=${sectors(boot)}, type=c`,
    `start=${sectors(bootStart + boot)}, size=${sectors(root)}, type=83`,
    '',
  ].join('\n');
  const args = ['-q', '--no-reread', '--no-tell-kernel', disk];
  await runTool({ command: 'sfdisk', args, signal, subject: 'The disk', input });
}

/** Builds an MBR disk (FAT32 boot, ext4 root) from a tar of the boot files and a tar of the root, without root rights and without mounting. */
export async function assemble(
  bootTar: string,
  rootTar: string,
  output: string,
  { limit, signal, progress }: AssembleOptions,
): Promise<BlobInfo> {
  const work = `${output}.d`;
  const [boot, root, state] = [join(work, 'boot'), join(work, 'root'), join(work, 'fakeroot')];
  const options = (step: string) => ({
    ...{ limit, signal },
    progress: (done: number, total: number | null) => progress(step, done, total),
  });
  try {
    await mkdir(work, { recursive: true });
    await unpackBootTar(bootTar, boot, options('unpack the boot files'));
    const bootSize = Math.max(leastBootSize, roundUp((await measure('-B1', boot, signal)) * 1.5));
    await unpackRootTar(rootTar, root, state, options('unpack the root'));
    const plan = await planRoot(root, signal);
    const size = bootStart + bootSize + plan.size;
    if (size > limit) throw tooLarge(size, limit);
    progress('build the disk', 0, null);
    await partition(output, bootSize, plan.size, signal);
    await fillBoot(output, boot, bootSize, signal);
    await fillRoot({ disk: output, start: bootStart + bootSize, ...plan }, root, state, signal);
    return await digestOf(output, options('check'));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const tooLarge = (size: number, limit: number) =>
  new RefusedError(
    refusal('image.too-large', `The disk would have ${size} bytes, more than ${limit}.`, {
      remedy: 'Raise images.maxSize in the settings.',
    }),
  );

async function digestOf(
  path: string,
  { signal, progress }: { signal: AbortSignal; progress: (done: number, total: number) => void },
): Promise<BlobInfo> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const hashed = await hashFile(file, { signal, onBytes: (done) => progress(done, size) });
    await file.datasync();
    return hashed;
  } finally {
    await file.close();
  }
}
