import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { ImageError, packTar, squashfsRootOptions, windowOf, type Ext4Stat, type Ext4Volume } from '@drover/disk-image';
import type { BlobInfo } from '../../app/blobs/ports.js';
import type { RootPacker, SquashfsCompression } from '../../app/images/ports.js';
import { refuseImageError, withReadableVolume, type ReadableVolumeDeps } from './readable-volume.js';

export interface RootPackerDeps extends ReadableVolumeDeps {
  /** Processors mksquashfs may use. Default: all but one. */
  readonly processors?: number;
}

/**
 * Compressor options of mksquashfs(1). zstd: a level beyond which a Pi's root shrinks by little and takes much longer; gzip: the
 * same reasoning. Blocks stay at 128 KiB, so that a small read on the board decompresses little.
 */
const compressorOptions: Readonly<Record<SquashfsCompression, readonly string[]>> = {
  zstd: ['-comp', 'zstd', '-Xcompression-level', '6'],
  gzip: ['-comp', 'gzip', '-Xcompression-level', '6'],
  xz: ['-comp', 'xz'],
  lzo: ['-comp', 'lzo'],
  lz4: ['-comp', 'lz4', '-Xhc'],
};

/**
 * The root folder, and the newest time in the volume. mksquashfs 4.5.1 gives the root folder of a tar today's date whatever
 * -root-time says, but none newer than SOURCE_DATE_EPOCH: with the newest time there, the same volume gives the same bytes and no
 * file loses its time.
 */
async function survey(volume: Ext4Volume, signal: AbortSignal): Promise<{ root: Ext4Stat; newest: number }> {
  let root: Ext4Stat | undefined;
  let newest = 0;
  for await (const { path, stat } of volume.walk()) {
    signal.throwIfAborted();
    if (path === '') root = stat;
    newest = Math.max(newest, stat.mtime.seconds);
  }
  if (root === undefined) throw new ImageError('image.not-found', 'The volume has no root folder');
  return { root, newest: Math.min(newest, 0xffff_ffff) };
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<BlobInfo> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { digest: hash.digest('hex'), size };
}

type PackOptions = Parameters<RootPacker['pack']>[2];

async function makeSquashfs(
  deps: RootPackerDeps,
  volume: Ext4Volume,
  output: string,
  options: PackOptions,
): Promise<BlobInfo> {
  const total = volume.usedBytes;
  const { root, newest } = await survey(volume, options.signal);
  const input = packTar(volume, {
    target: 'squashfs',
    // Holes count in a tar, so it may be longer than what the file system uses.
    onProgress: (bytes) => options.progress(Math.min(bytes, total), total),
  });
  const processors = deps.processors ?? Math.max(1, availableParallelism() - 1);
  const args = [
    ...['-', output, '-tar', '-noappend', '-reproducible', ...squashfsRootOptions(root)],
    ...compressorOptions[options.compression],
    ...['-processors', String(processors), '-mem', '256M', '-exit-on-error', '-quiet', '-no-progress'],
  ];
  await rm(output, { force: true });
  const env = { SOURCE_DATE_EPOCH: String(newest) };
  await deps.tools.run('mksquashfs', args, { input, signal: options.signal, nice: 10, env });
  await flush(output);
  options.progress(total, total);
  return digestOf(output, options.signal);
}

/**
 * Packs an image's root partition with `mksquashfs -tar` from a tar that is made on the fly: nothing is mounted and no root right
 * is needed, and owners, modes, links, device nodes, holes and extended attributes (capabilities) are kept. Only lost+found stays
 * out. (`sqfstar` is the same program under another name, but its 4.5.1 cannot read compressor options. And 4.5.1 gives the root
 * folder itself to the user who packs; a board gives it back, see device/lib/root-ram.sh.)
 */
export const createRootPacker = (deps: RootPackerDeps): RootPacker => ({
  pack: async (image, output, options) => {
    const source = await deps.openSource(image.path);
    try {
      const partition = windowOf(source, image.offset, image.length);
      return await withReadableVolume(deps, partition, `${output}.ext4`, options.signal, (volume) =>
        makeSquashfs(deps, volume, output, options),
      );
    } catch (fault) {
      return refuseImageError(fault);
    } finally {
      await source.close();
    }
  },
});
