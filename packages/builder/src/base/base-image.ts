import { refusal, RefusedError } from '@drover/contract';
import {
  cachedSource,
  ImageError,
  inspectImage,
  openImage,
  type Ext4Volume,
  type FatVolume,
  type ImageFacts,
  type RandomAccess,
} from '@drover/disk-image';
import type { Architecture } from '../recipe/schema.js';

/** An image that a build begins with: what it is, and where its parts are. */
export interface BaseImage {
  /** Of the image as it was asked for. */
  readonly sha256: string;
  readonly facts: ImageFacts;
  readonly boot: FatVolume;
  readonly root: Ext4Volume;
  readonly architecture: Architecture;
  /** Of its disk, eight hex digits: fstab and cmdline.txt name partitions by it. */
  readonly signature: string;
  /** Where its boot partition is mounted: `/boot/firmware`. */
  readonly bootFolder: string;
  /** Seconds: the newest time of any of its files. */
  readonly epoch: number;
}

const unfit = (why: string, remedy = 'Begin with an image for a Raspberry Pi, or with base.suite.'): RefusedError =>
  new RefusedError(refusal('image.unfit', `base: the image ${why}.`, { remedy }));

/** Its second partition is the root, its first the boot partition, as all tools for these boards make them; a build makes the same disk. */
function checkTable({ partitionTable, boot, root }: ImageFacts): void {
  if (partitionTable.scheme !== 'mbr') throw unfit('has a GPT, and only images with an MBR can be begun with');
  if (root === null) throw unfit('has no root partition with a file system Drover can read');
  if (boot.partition !== 1 || root.partition !== 2)
    throw unfit('has other partitions than boot and root, in this order');
}

function architectureOf({ root }: ImageFacts, wanted: Architecture | null): Architecture {
  const found = root?.architecture;
  if (found !== 'arm64' && found !== 'armhf')
    throw unfit(`is for ${found ?? 'an unknown processor'}, not for arm64 or armhf`);
  if (wanted === null || wanted === found) return found;
  throw unfit(`is for ${found}, and the recipe says ${wanted}`, 'Leave architecture out: it is as the base has it.');
}

async function bootFolderOf(root: Ext4Volume): Promise<string> {
  const fstab = (await root.stat('/etc/fstab'))?.kind === 'file' ? await root.readFile('/etc/fstab') : new Uint8Array();
  const mounted = /^\s*[^#\s]\S*\s+(\/boot(?:\/[A-Za-z0-9_-]+)?)\s+(?:vfat|auto)\s/m.exec(
    Buffer.from(fstab).toString('utf8'),
  );
  if (mounted?.[1] !== undefined) return mounted[1];
  return (await root.stat('/boot/firmware'))?.kind === 'directory' ? '/boot/firmware' : '/boot';
}

async function newestTime(root: Ext4Volume, signal: AbortSignal): Promise<number> {
  let newest = 0;
  for await (const { stat } of root.walk()) {
    signal.throwIfAborted();
    newest = Math.max(newest, stat.mtime.seconds);
  }
  return newest;
}

const again = 'Begin with another image, or look whether this one came whole.';

async function read(
  source: RandomAccess,
  {
    sha256,
    wanted,
    signal,
  }: { readonly sha256: string; readonly wanted: Architecture | null; readonly signal: AbortSignal },
): Promise<BaseImage> {
  const cached = cachedSource(source, { pageSize: 64 * 1024, pages: 512 });
  const facts = await inspectImage(cached);
  checkTable(facts);
  const { boot, root } = await openImage(cached);
  if (root === undefined) throw unfit('has no root partition');
  const architecture = architectureOf(facts, wanted);
  return {
    ...{ sha256, facts, boot: boot.volume, root: root.volume, architecture, signature: facts.partitionTable.diskId },
    bootFolder: await bootFolderOf(root.volume),
    epoch: await newestTime(root.volume, signal),
  };
}

/** Reads what an image is. Throws RefusedError when nothing can be built on it. */
export const openBaseImage = (...given: Parameters<typeof read>): Promise<BaseImage> =>
  read(...given).catch((fault: unknown) => {
    if (!(fault instanceof ImageError)) throw fault;
    throw new RefusedError(
      refusal('image.broken', `base: ${fault.message} (${fault.code}).`, { remedy: fault.remedy ?? again }),
    );
  });
