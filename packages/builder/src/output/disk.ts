import { createHash } from 'node:crypto';
import { open, truncate } from 'node:fs/promises';
import type { ToolRunner } from '@drover/tools';
import type { Sandbox } from '../machine/sandbox.js';
import { textInput } from '../machine/text-input.js';
import { attributesOf, type FileAttribute } from './attributes.js';

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

/** What a disk and its file systems are called. Images name their parts by all of these. */
export interface DiskNames {
  /** Eight hex digits. */
  readonly signature: string;
  readonly boot: { readonly label: string; readonly serial: string };
  readonly root: { readonly label: string; readonly uuid: string };
}

/** Names that follow from what is in it. */
export const namesOf = (key: string, signature: string): DiskNames => ({
  signature,
  boot: { label: 'BOOTFS', serial: hashOf(key, 'boot').slice(0, 8) },
  root: { label: 'rootfs', uuid: uuidOf(key, 'root') },
});

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
  await tools.run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', path], { input: textInput(table.join('\n')) });
}

/**
 * mke2fs takes the files of a folder in the order in which that tells them, and their change times: both are the same each time in a squashfs and on no other
 * file system. So it reads the one that was just packed. squashfuse_ll is twice as fast as squashfuse, which also gives the names of one file a number each, so that
 * hard links would become copies.
 */
const fillScript = `
mounted=$1; mkdir -p "$mounted"; squashfuse_ll "$2" "$mounted"; shift 2
mke2fs "$@"
umount "$mounted"`;

/** debugfs(8) says what went wrong, and ends well all the same. */
const attributesScript = `
mkdir -p /mnt/attributes
while read -r number value; do printf %s "$value" | base64 -d >"/mnt/attributes/$number"; done
printf %s "$3" >/mnt/attributes/commands
said=$(debugfs -w -f /mnt/attributes/commands "$1?offset=$2" 2>&1 | grep -v -e '^debugfs' || :)
rm -rf /mnt/attributes
[ -z "$said" ] || { echo "$said" >&2; exit 1; }`;

/**
 * Sets extended attributes, such as what ping may do without being root. They are not taken from where the files are: squashfuse 0.1.105 takes `security.`
 * for `trusted.`.
 */
async function setAttributes(
  sandbox: Sandbox,
  {
    disk,
    start,
    attributes,
    env,
  }: { disk: string; start: number; attributes: readonly FileAttribute[]; env: Record<string, string> },
): Promise<void> {
  if (attributes.length === 0) return;
  const commands = attributes.map(
    ({ path, name }, number) => `ea_set -f /mnt/attributes/${number} "${path.replaceAll('"', '""')}" ${name}\n`,
  );
  async function* values(): AsyncIterable<Uint8Array> {
    for (const [number, { value }] of attributes.entries()) yield Buffer.from(`${number} ${value}\n`);
  }
  const words = [disk, String(start), commands.join('')];
  await sandbox.run('sh', ['-euc', attributesScript, 'sh', ...words], { env, input: values() });
}

/** Writes the root partition of a disk from a squashfs. `epoch`: seconds. */
export async function fillRoot(
  sandbox: Sandbox,
  disk: string,
  {
    layout,
    names,
    squashfs,
    root,
    key,
    epoch,
  }: { layout: DiskLayout; names: DiskNames; squashfs: string; root: string; key: string; epoch: number },
): Promise<void> {
  const { start, size, inodes } = layout.root;
  const extended = `offset=${start},lazy_itable_init=0,lazy_journal_init=0,hash_seed=${uuidOf(key, 'hash')}`;
  const form = ['-q', '-F', '-t', 'ext4', '-L', names.root.label, '-U', names.root.uuid, '-I', String(inodeSize)];
  const features = ['-O', '^orphan_file,^metadata_csum_seed', '-N', String(inodes)];
  const mounted = '/mnt/squashfs';
  const args = [...form, ...features, '-d', mounted, '-E', `${extended},no_copy_xattrs`, disk, `${size / 1024}k`];
  // Times the file system keeps of itself (libext2fs, E2FSPROGS_FAKE_TIME).
  const env = { E2FSPROGS_FAKE_TIME: String(epoch), SOURCE_DATE_EPOCH: String(epoch) };
  await sandbox.run('sh', ['-euc', fillScript, 'sh', mounted, squashfs, ...args], { env });
  await setAttributes(sandbox, { disk, start, attributes: await attributesOf(sandbox, root), env });
}

/** Writes the boot partition of a disk from a folder. */
export async function fillBoot(
  disk: string,
  {
    layout,
    folder,
    files,
    names,
    epoch,
  }: { layout: DiskLayout; folder: string; files: readonly string[]; names: DiskNames; epoch: number },
  tools: ToolRunner,
): Promise<void> {
  const { start, size } = layout.boot;
  const place = ['--offset', String(start / 512), disk, String(size / 1024)];
  const env = { SOURCE_DATE_EPOCH: String(epoch), TZ: 'UTC' };
  const label = names.boot.label === '' ? [] : ['-n', names.boot.label];
  await tools.run('mkfs.vfat', ['--invariant', '-i', names.boot.serial, '-F', '32', ...label, ...place], { env });
  await tools.run(
    'mcopy',
    ['-s', '-Q', '-m', '-i', `${disk}@@${start}`, ...files.map((name) => `${folder}/${name}`), '::'],
    { env },
  );
}
