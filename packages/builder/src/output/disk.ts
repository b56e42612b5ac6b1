import { createHash } from 'node:crypto';
import { open, truncate } from 'node:fs/promises';
import type { ToolRunner } from '@drover/tools';
import type { Sandbox } from '../machine/sandbox.js';

const MiB = 1024 * 1024;
const bootStart = 4 * MiB;
/** ext4's own default, bytes for each inode, and what an inode takes in its table. */
const bytesPerInode = 16_384;
const inodeSize = 256;

/** Where the partitions of an image are, in bytes, and what the disk is called. */
export interface DiskLayout {
  /** Eight hex digits: the disk's signature, which PARTUUIDs are made of. */
  readonly signature: string;
  readonly boot: { readonly start: number; readonly size: number };
  readonly root: { readonly start: number; readonly size: number; readonly inodes: number };
}

const roundUp = (bytes: number): number => Math.ceil(bytes / (4 * MiB)) * 4 * MiB;

/** What names need to be the same each time: taken from what they name. */
const hashOf = (key: string, what: string): string => createHash('sha256').update(`${what} ${key}`).digest('hex');

/** RFC 9562, version 8: a UUID of our own making. */
const uuidOf = (key: string, what: string): string => {
  const hex = hashOf(key, what);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};

/** Of the disk whose root is built on layers up to this key. */
export const signatureOf = (key: string): string => hashOf(key, 'disk').slice(0, 8);

/** `used`: bytes and inodes of the root's files. `size`: of the root partition; null: what they take, and `spare`. */
export function planDisk(
  signature: string,
  used: { readonly bytes: number; readonly inodes: number },
  sizes: { readonly boot: number; readonly root: number | null; readonly spare: number },
): DiskLayout {
  const inodes = Math.ceil(used.inodes * 1.25) + 1024;
  // Tables of inodes, the journal, and what each group of blocks keeps for itself.
  const needed = roundUp(used.bytes * 1.03 + inodes * inodeSize + 80 * MiB + sizes.spare);
  const size = sizes.root ?? needed;
  return {
    signature,
    boot: { start: bootStart, size: sizes.boot },
    root: { start: bootStart + sizes.boot, size, inodes: Math.max(inodes, Math.floor(size / bytesPerInode)) },
  };
}

/** PARTUUID of the root of a disk with a DOS partition table. */
export const rootPartitionOf = ({ signature }: DiskLayout): string => `${signature}-02`;

/** Makes a disk with two partitions and nothing in them. */
export async function partitionDisk(path: string, layout: DiskLayout, tools: ToolRunner): Promise<void> {
  await (await open(path, 'w', 0o644)).close();
  await truncate(path, layout.root.start + layout.root.size);
  const line = ({ start, size }: { start: number; size: number }, type: string): string =>
    `start=${start / 512}, size=${size / 512}, type=${type}`;
  const table = ['label: dos', `label-id: 0x${layout.signature}`, line(layout.boot, 'c'), line(layout.root, '83'), ''];
  async function* input(): AsyncIterable<Uint8Array> {
    yield Buffer.from(table.join('\n'));
  }
  await tools.run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', path], { input: input() });
}

/**
 * mke2fs takes the files of a folder in the order in which that tells them, and their change times: both are the same each time in a squashfs and on no other
 * file system. So it reads the one that was just packed.
 */
const fillScript = `
mounted=$1; mkdir -p "$mounted"; squashfuse "$2" "$mounted"; shift 2
mke2fs "$@"
umount "$mounted"`;

/** Writes the root partition of a disk from a squashfs. `epoch`: seconds. */
export async function fillRoot(
  sandbox: Sandbox,
  disk: string,
  { layout, squashfs, key, epoch }: { layout: DiskLayout; squashfs: string; key: string; epoch: number },
): Promise<void> {
  const { start, size, inodes } = layout.root;
  const extended = `offset=${start},lazy_itable_init=0,lazy_journal_init=0,hash_seed=${uuidOf(key, 'hash')}`;
  const form = ['-q', '-F', '-t', 'ext4', '-L', 'rootfs', '-U', uuidOf(key, 'root'), '-I', String(inodeSize)];
  const features = ['-O', '^orphan_file,^metadata_csum_seed', '-N', String(inodes)];
  const mounted = '/mnt/squashfs';
  const args = [...form, ...features, '-d', mounted, '-E', extended, disk, `${size / 1024}k`];
  // Times the file system keeps of itself (libext2fs, E2FSPROGS_FAKE_TIME).
  const env = { E2FSPROGS_FAKE_TIME: String(epoch), SOURCE_DATE_EPOCH: String(epoch) };
  await sandbox.run('sh', ['-euc', fillScript, 'sh', mounted, squashfs, ...args], { env });
}

/** Writes the boot partition of a disk from a folder. */
export async function fillBoot(
  disk: string,
  {
    layout,
    folder,
    names,
    key,
    epoch,
  }: { layout: DiskLayout; folder: string; names: readonly string[]; key: string; epoch: number },
  tools: ToolRunner,
): Promise<void> {
  const { start, size } = layout.boot;
  const place = ['--offset', String(start / 512), disk, String(size / 1024)];
  const env = { SOURCE_DATE_EPOCH: String(epoch), TZ: 'UTC' };
  await tools.run(
    'mkfs.vfat',
    ['--invariant', '-i', hashOf(key, 'boot').slice(0, 8), '-F', '32', '-n', 'BOOTFS', ...place],
    { env },
  );
  const files = names.map((name) => `${folder}/${name}`);
  await tools.run('mcopy', ['-s', '-Q', '-m', '-i', `${disk}@@${start}`, ...files, '::'], { env });
}
