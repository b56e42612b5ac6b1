import { createHash } from 'node:crypto';
import {
  cachedSource,
  findBootKernels,
  ImageError,
  openBoot,
  readPartitionTable,
  type FatEntry,
  type FatVolume,
  type RandomAccess,
} from '@drover/disk-image';
import type { OwnFilesRead, OwnFilesWanted } from '../../app/boot/plane/ports.js';
import type { BootTreeKernel, InitramfsPart } from '../../domain/boot-plan.js';
import { textFiles } from '../../domain/boot-tree.js';
import {
  knownKernel,
  neededModules,
  ownTree,
  type FoundBootPartition,
  type FoundFile,
} from '../../domain/own-boot-files.js';
import type { Copy, CopyWriter } from './copy-writer.js';
import type { OwnDisk } from './own-disk.js';
import { createOwnRoot, type OwnRoot, type PackModules } from './own-modules.js';

/** What one board may take. */
export interface OwnFilesLimits {
  /** Files of the boot partition, and those of them that are copied. */
  readonly files: number;
  readonly copies: number;
  /** Bytes of all files, and of those that are copied. */
  readonly bytes: number;
  readonly copiedBytes: number;
  /** Bytes of texts, and of all that is remembered of a boot partition, which is kept in memory. */
  readonly texts: number;
  readonly tree: number;
}

export interface ReadDeps {
  readonly disk: OwnDisk;
  /** Digest of the image below the disk. */
  readonly base: string | null;
  readonly writer: CopyWriter;
  readonly modules: () => Promise<PackModules>;
  readonly limits: OwnFilesLimits;
  /** What there is before modules are packed, which may take long. */
  readonly soFar: (read: OwnFilesRead) => void;
}

const unreadable = (reason: string, remedy?: string): OwnFilesRead => ({
  kind: 'unreadable',
  reason,
  ...(remedy === undefined ? {} : { remedy }),
});

/** Reads the boot partition of a disk as it is now: what is wrong with it is a value. */
export async function readOwnFiles(wanted: OwnFilesWanted, deps: ReadDeps): Promise<OwnFilesRead> {
  try {
    return await read(wanted, deps);
  } catch (error) {
    if (error instanceof ImageError) return unreadable(`${error.message} (${error.code})`, error.remedy);
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    return unreadable('there is no room left for copies of its files', 'Free space where the data folder is.');
  }
}

async function read(wanted: OwnFilesWanted, deps: ReadDeps): Promise<OwnFilesRead> {
  const source = cachedSource(deps.disk, { pageSize: 64 * 1024, pages: 256 });
  const table = await readPartitionTable(source);
  const { volume, partition: number, isBoot } = await openBoot(source, table);
  const partition = table.partitions.find((each) => each.number === number);
  if (!isBoot || partition === undefined) return unreadable('it holds neither firmware nor a kernel nor config.txt');
  const entries = (await volume.entries()).filter(({ kind }) => kind === 'file');
  const tooMuch = exceeded(entries, deps.limits);
  if (tooMuch !== undefined) return unreadable(tooMuch);
  const placed = await placesOf(entries, partition.offset, deps);
  const tooMuchCopied = exceededCopies(placed, deps.limits);
  if (tooMuchCopied !== undefined) return unreadable(tooMuchCopied);
  const files: FoundFile[] = [];
  for (const file of placed) files.push(await copied(file, deps));
  const root = createOwnRoot({ disk: wanted.disk, source, table, writer: deps.writer, modules: deps.modules });
  const found = await partitionOf(wanted, deps.limits, { volume, files, root, base: deps.base });
  return finish(wanted, deps, { found, volume, root });
}

function exceeded(entries: readonly FatEntry[], limits: OwnFilesLimits): string | undefined {
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  if (entries.length > limits.files) return `it holds ${entries.length} files, more than ${limits.files}`;
  return bytes > limits.bytes ? `its files have ${bytes} bytes, more than ${limits.bytes}` : undefined;
}

/** A file and whether it must be copied. */
interface Placed {
  readonly file: Omit<FoundFile, 'copy'>;
  readonly isOwn: boolean;
}

function exceededCopies(placed: readonly Placed[], limits: OwnFilesLimits): string | undefined {
  const own = placed.filter(({ isOwn }) => isOwn);
  const bytes = own.reduce((sum, { file }) => sum + file.size, 0);
  if (own.length > limits.copies) return `${own.length} of its files were changed, more than ${limits.copies}`;
  return bytes > limits.copiedBytes
    ? `files with ${bytes} bytes were changed, more than ${limits.copiedBytes}`
    : undefined;
}

async function placesOf(entries: readonly FatEntry[], at: number, { disk, base }: ReadDeps): Promise<Placed[]> {
  const files = entries.map(({ path, size, extents }) => ({
    path,
    size,
    extents: extents.map(({ offset, length }) => [at + offset, length] as const),
  }));
  const ranges = files.flatMap(({ extents }) => extents);
  const answers = base === null ? ranges.map(() => false) : await disk.fromBase(ranges);
  let next = 0;
  return files.map((file) => {
    const own = answers.slice(next, (next += file.extents.length));
    return { file, isOwn: own.some((isBase) => !isBase) };
  });
}

const copyChunk = 1024 * 1024;

async function* contentOf(disk: RandomAccess, { extents, size }: Omit<FoundFile, 'copy'>): AsyncIterable<Uint8Array> {
  let left = size;
  for (const [offset, length] of extents) {
    for (let at = 0; at < length; at += copyChunk) {
      const piece = await disk.read(offset + at, Math.min(copyChunk, length - at));
      left -= piece.length;
      yield piece;
    }
  }
  if (left > 0) throw new ImageError('image.fat.chain', 'A file is longer than what belongs to it');
}

/** Most boots find that the copy is there: its name is made before anything is written. */
async function copied({ file, isOwn }: Placed, { disk, writer }: ReadDeps): Promise<FoundFile> {
  if (!isOwn) return { ...file, copy: null };
  const hash = createHash('sha256');
  for await (const piece of contentOf(disk, file)) hash.update(piece);
  const digest = hash.digest('hex');
  if (await writer.has({ digest, size: file.size })) return { ...file, copy: digest };
  return { ...file, copy: (await writer.put(contentOf(disk, file))).digest };
}

interface Reading {
  readonly volume: FatVolume;
  readonly files: readonly FoundFile[];
  readonly root: OwnRoot;
  readonly base: string | null;
}

async function partitionOf(
  wanted: OwnFilesWanted,
  limits: OwnFilesLimits,
  reading: Reading,
): Promise<FoundBootPartition> {
  const { volume, files, base } = reading;
  const texts: Record<string, string> = {};
  const withoutTexts = ownTree(wanted.image, { base, files, texts, kernels: [] });
  let left = limits.texts;
  // What firmware reads first comes first.
  const order = (path: string): number => (/^(config|cmdline|tryboot)\.txt$/i.test(path) ? 0 : 1);
  for (const { path, size } of [...textFiles(withoutTexts)].sort((a, b) => order(a.path) - order(b.path))) {
    if (size > left) continue;
    left -= size;
    texts[path] = Buffer.from(await volume.readFile(path, size)).toString('latin1');
  }
  return { base, files, texts, kernels: await kernelsOf(wanted, reading) };
}

async function kernelsOf({ image }: OwnFilesWanted, { volume, files, root, base }: Reading): Promise<BootTreeKernel[]> {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const known = ({ path }: FatEntry) => {
    const file = byPath.get(path);
    const kernel = file === undefined || base !== image.image ? undefined : knownKernel(image, file);
    if (kernel === undefined) return undefined;
    const { architecture, release } = kernel;
    return {
      file: path,
      ...(architecture === 'other' ? {} : { architecture }),
      ...(release === null ? {} : { release }),
    };
  };
  const kernels = await findBootKernels(volume, known, () => root.releases());
  return kernels.map(({ file, architecture, release }) => ({
    file,
    architecture: architecture ?? 'other',
    release: release ?? null,
  }));
}

async function finish(
  wanted: OwnFilesWanted,
  { writer, soFar, limits }: ReadDeps,
  { found, volume, root }: { found: FoundBootPartition; volume: FatVolume; root: OwnRoot },
): Promise<OwnFilesRead> {
  const tree = ownTree(wanted.image, found);
  const needed = neededModules(tree, wanted.plan, wanted.device);
  const dirty = volume.dirty
    ? ['The boot partition of the disk was not unmounted in order: what was written last may be there in part.']
    : [];
  const copies = found.files.filter(({ copy }) => copy !== null);
  const result = async (initramfs: readonly InitramfsPart[], warnings: readonly string[]): Promise<OwnFilesRead> => {
    const files = { tree, initramfs };
    const text = Buffer.from(JSON.stringify(files));
    if (text.length > limits.tree) return unreadable(`the names of its files and its texts take ${text.length} bytes`);
    const { digest } = await stored(writer, text);
    const bytes = copies.reduce((sum, { size }) => sum + size, 0);
    return {
      kind: 'own',
      files,
      digest,
      copies: copies.length,
      bytes,
      warnings: [...dirty, ...needed.warnings, ...warnings],
    };
  };
  if (needed.missing.length > 0) {
    const releases = needed.missing.map(({ release }) => release).join(', ');
    soFar(await result([], [`Packing the modules for ${releases} took too long; the kernel starts without them.`]));
  }
  const { parts, warnings } = await root.parts(needed.missing);
  return result(parts, warnings);
}

async function stored(writer: CopyWriter, bytes: Uint8Array): Promise<Copy> {
  const copy = { digest: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
  return (await writer.has(copy)) ? copy : writer.put(once(bytes));
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
