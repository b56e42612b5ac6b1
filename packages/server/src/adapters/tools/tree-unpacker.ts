import { chmod, chown, utimes } from 'node:fs/promises';
import { ImageError, packTar, readPartitionTable, windowOf, type Ext4Stat, type Ext4Volume } from '@drover/disk-image';
import { refuseImageError, withReadableVolume, type ReadableVolumeDeps } from './readable-volume.js';

export interface TreeSource {
  /** A local file: the whole disk. */
  readonly path: string;
  /** Number of the partition with the files. */
  readonly partition: number;
}

export interface UnpackOptions {
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => void;
}

/** GNU tar as root: owners by number, and every attribute, those of capabilities and access lists among them. */
const tarOptions = ['--extract', '--file=-', '--numeric-owner', '--same-owner', '--same-permissions'];
const attributeOptions = ['--xattrs', '--xattrs-include=*', '--acls', '--delay-directory-restore'];

/**
 * Unpacks the root partition of an image into an empty folder, with owners, modes, times, links, device nodes and extended attributes. Takes
 * root rights. What is there when it fails is to be removed by the caller. Throws RefusedError image.broken, image.unsupported, storage.full.
 */
export async function unpackTree(
  deps: ReadableVolumeDeps,
  { path, partition: number }: TreeSource,
  folder: string,
  options: UnpackOptions,
): Promise<void> {
  const source = await deps.openSource(path);
  try {
    const { partitions } = await readPartitionTable(source);
    const place = partitions.find((each) => each.number === number);
    if (place === undefined) throw new ImageError('image.not-found', `The image has no partition ${number}`);
    const partition = windowOf(source, place.offset, place.length);
    await withReadableVolume(deps, partition, `${folder}.ext4`, options.signal, (volume) =>
      extract(deps, volume, folder, options),
    );
  } catch (fault) {
    refuseImageError(fault);
  } finally {
    await source.close();
  }
}

async function extract(
  { tools }: ReadableVolumeDeps,
  volume: Ext4Volume,
  folder: string,
  { signal, progress }: UnpackOptions,
): Promise<void> {
  const total = volume.usedBytes;
  // Holes count in a tar, so it may be longer than what the file system uses.
  const input = packTar(volume, { onProgress: (bytes) => progress(Math.min(bytes, total), total) });
  await tools.run('tar', [...tarOptions, ...attributeOptions, `--directory=${folder}`], { input, signal, nice: 10 });
  await restoreRoot(folder, await rootOf(volume));
  progress(total, total);
}

/** The archive has no entry for the root folder itself. */
async function rootOf(volume: Ext4Volume): Promise<Ext4Stat> {
  for await (const { path, stat } of volume.walk()) if (path === '') return stat;
  throw new ImageError('image.not-found', 'The volume has no root folder');
}

async function restoreRoot(folder: string, { uid, gid, mode, mtime }: Ext4Stat): Promise<void> {
  await chown(folder, uid, gid);
  await chmod(folder, mode & 0o7777);
  await utimes(folder, mtime.seconds, mtime.seconds);
}
