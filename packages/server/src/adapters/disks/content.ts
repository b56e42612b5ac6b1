import { refusal, RefusedError, type BackupFormat } from '@drover/contract';
import {
  detectContainer,
  ImageError,
  openLayer,
  rawView,
  readQcow2Header,
  uncached,
  type BlockSource,
  type DiskView,
  type Qcow2Environment,
} from '@drover/disk-image';
import type { DiskContent } from '../../app/disks/pool.js';
import { openBlockSource } from './block-file.js';

const qcow2Magic = 0x514649fb;
const sector = 512;

/**
 * What a file holds that a disk is to be made of: a qcow2 image on nothing else, or a raw one. Throws RefusedError disk.invalid for everything else,
 * compressed files above all.
 */
export async function readDiskContent(path: string): Promise<DiskContent> {
  const source = await openBlockSource(path);
  try {
    return await contentOf(source);
  } catch (error) {
    if (error instanceof ImageError) throw unfit(`${error.message} (${error.code})`, error.remedy);
    throw error;
  } finally {
    await source.close();
  }
}

async function contentOf(source: BlockSource): Promise<DiskContent> {
  const head = new Uint8Array(Math.min(sector, source.size));
  await source.readInto(0, head);
  if (head.length >= 4 && new DataView(head.buffer).getUint32(0) === qcow2Magic) {
    const { backing, size } = await readQcow2Header(source);
    if (backing !== undefined)
      throw unfit('It is an overlay over another image.', 'Make it whole with `qemu-img convert -O qcow2`.');
    return { format: 'qcow2', size: wholeSectors(size) };
  }
  const container = detectContainer(head);
  if (container !== 'img' && container !== 'unknown') throw unfit(`It is a ${container} file.`, 'Unpack it first.');
  if (source.size === 0) throw unfit('It is empty.', 'Give a qcow2 or raw image of a disk.');
  return { format: 'raw', size: wholeSectors(source.size) };
}

const wholeSectors = (size: number): number => Math.ceil(size / sector) * sector;

const unfit = (why: string, remedy = 'Give a qcow2 or raw image of a whole disk.'): RefusedError =>
  new RefusedError(
    refusal('disk.invalid', `No disk can be made of the file. ${why}`, {
      remedy,
      errors: [{ field: 'upload', message: 'is not an image of a disk' }],
    }),
  );

/** Opens a file that was found to be of this format, for as long as `use` takes. */
export async function withContent<T>(
  path: string,
  format: BackupFormat,
  environment: Pick<Qcow2Environment, 'tables'>,
  use: (view: DiskView) => Promise<T>,
): Promise<T> {
  const source = await openBlockSource(path);
  try {
    if (format === 'raw') return await use(rawView(uncached(source)));
    const layer = await openLayer({ file: source, below: undefined, environment });
    try {
      return await use(layer.view);
    } finally {
      layer.forget();
    }
  } finally {
    await source.close();
  }
}
