import {
  ImageError,
  inspectImage,
  openExt4,
  openFat,
  packTar,
  readPartitionTable,
  type Ext4Volume,
  type FatVolume,
  type RandomAccess,
} from '../../src/index.js';

const tarLimit = 4 * 1024 * 1024;

/** Runs a parser that may refuse with an ImageError but must not fail in any other way. True when it refused. */
export async function refusesOnly(parse: () => Promise<unknown>): Promise<boolean> {
  try {
    await parse();
    return false;
  } catch (error) {
    if (error instanceof ImageError) return true;
    throw error;
  }
}

/** Checks what must hold for every FAT volume that opens. */
export async function exerciseFat(source: RandomAccess): Promise<FatVolume> {
  const volume = await openFat(source);
  const used: { offset: number; length: number }[] = [];
  for (const { path, kind, size, extents } of await volume.entries()) {
    if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) throw new Error(`path ${path}`);
    const length = extents.reduce((sum, extent) => sum + extent.length, 0);
    if (length !== (kind === 'file' ? size : 0)) throw new Error(`${path}: extents of ${length} for ${size} bytes`);
    used.push(...extents);
    if (kind === 'file' && size <= 64 * 1024) await volume.readFile(path);
  }
  requireApart(used, source.size);
  return volume;
}

function requireApart(extents: { offset: number; length: number }[], size: number): void {
  let end = 0;
  for (const extent of extents.sort((a, b) => a.offset - b.offset)) {
    if (extent.offset < end || extent.offset + extent.length > size) throw new Error('extents overlap or leave');
    end = extent.offset + extent.length;
  }
}

const paths = ['/dir/short-link', '/dir/loop', '/bin/hard-link', '/etc/../etc/os-release', '/many'];

/** Opens, looks things up, and packs everything. */
export async function exerciseExt4(source: RandomAccess): Promise<void> {
  const volume = await openExt4(source);
  // Each look-up on its own, because the first refusal would hide the others.
  for (const path of paths) await refusesOnly(() => lookUp(volume, path));
  let length = 0;
  for await (const chunk of packTar(volume, { limit: tarLimit, allowRecovery: true })) length += chunk.length;
  if (length % 512 !== 0) throw new Error(`a tar of ${length} bytes`);
}

async function lookUp(volume: Ext4Volume, path: string): Promise<void> {
  const stat = await volume.lstat(path);
  if (stat?.kind === 'directory') await volume.readdir(path);
  if (stat?.kind === 'symlink') await volume.readlink(path);
  if (stat?.kind === 'file') await volume.readFile(path, 65536);
  await volume.stat(path);
}

export async function exercisePartitions(source: RandomAccess): Promise<void> {
  const table = await readPartitionTable(source);
  for (const { number, offset, length } of table.partitions) {
    if (offset < 0 || length <= 0 || offset + length > source.size) throw new Error(`partition ${number}`);
  }
}

export async function exerciseImage(source: RandomAccess): Promise<void> {
  JSON.stringify(await inspectImage(source));
}
