import fc from 'fast-check';
import { openExt4 } from '../../src/ext4/volume.js';
import { readerOf } from '../../src/ext4/volume.js';
import { memorySource, openFat } from '../../src/index.js';
import { parseBootSector } from '../../src/fat/boot-sector.js';
import { locateInode } from '../../src/ext4/groups.js';

/** A place where a format keeps a number. */
export interface Field {
  at: number;
  size: 1 | 2 | 4 | 8;
}

/** One change, in numbers that shrink: which field, and what to put there. */
export interface Mutation {
  field: number;
  action: number;
  value: number;
}

export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({ field: fc.nat(), action: fc.nat({ max: 6 }), value: fc.nat({ max: 0xffffffff }) }),
  { minLength: 1, maxLength: 4 },
);

const sizes = [1, 2, 4, 8] as const;
const notable = [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff, 0x100, 0xfff8, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];

/** Numbers of each size at each natural place of a stretch. */
export function fieldsIn(from: number, length: number): Field[] {
  const fields: Field[] = [];
  for (const size of sizes) {
    for (let at = from; at + size <= from + length; at += size) fields.push({ at, size });
  }
  return fields;
}

/** Applies changes in place, runs, and puts everything back: images are too large to copy for each case. */
export async function withMutations<T>(
  image: Uint8Array,
  fields: readonly Field[],
  changes: readonly Mutation[],
  run: () => Promise<T>,
): Promise<T> {
  const undo: [number, Uint8Array][] = [];
  for (const { field, action, value } of changes) {
    const { at, size } = fields[field % fields.length] as Field;
    const old = Uint8Array.from(image.subarray(at, at + size));
    undo.push([at, old]);
    image.set(newValue(image, fields, old, action, value), at);
  }
  try {
    return await run();
  } finally {
    for (const [at, old] of undo.reverse()) image.set(old, at);
  }
}

function newValue(
  image: Uint8Array,
  fields: readonly Field[],
  old: Uint8Array,
  action: number,
  value: number,
): Uint8Array {
  const bytes = Uint8Array.from(old);
  const view = new DataView(new ArrayBuffer(8));
  const low = new DataView(bytes.buffer).getUint8(0);
  const other = fields[value % fields.length] as Field;
  switch (action) {
    case 0:
      view.setUint32(0, notable[value % notable.length] as number, true);
      break;
    case 1:
      return bytes.fill(0xff);
    case 2:
      return bytes.fill(0);
    case 3:
      bytes[0] = low + 1;
      return bytes;
    case 4:
      bytes[0] = low - 1;
      return bytes;
    case 5:
      bytes.set(image.subarray(other.at, other.at + Math.min(other.size, bytes.length)));
      return bytes;
    default:
      view.setUint32(0, value, true);
  }
  bytes.set(new Uint8Array(view.buffer, 0, bytes.length));
  return bytes;
}

/** Boot sector, the used part of the allocation table, and all directories of a FAT image. */
export async function fatFields(image: Uint8Array): Promise<Field[]> {
  const layout = parseBootSector(image.subarray(0, 512), image.length);
  const volume = await openFat(memorySource(image));
  const stretches: [number, number][] = [
    [11, 60],
    [11, 60],
    [layout.tableAt, 512],
  ];
  if ('offset' in layout.root) stretches.push([layout.root.offset, 1024]);
  else stretches.push([layout.dataAt + (layout.root.cluster - 2) * layout.clusterSize, 512]);
  // Folders are written before their files, so they lie in front of the first file's clusters.
  const first = Math.min(...(await volume.entries()).flatMap(({ extents }) => extents.map(({ offset }) => offset)));
  stretches.push([layout.dataAt, first - layout.dataAt]);
  return stretches.flatMap(([from, length]) => fieldsIn(from, length));
}

/** Superblock, first group descriptor, inodes in use, directories, attribute blocks and extent blocks of ext4. */
export async function ext4Fields(image: Uint8Array): Promise<Field[]> {
  const source = memorySource(image);
  const volume = await openExt4(source);
  const reader = readerOf(volume);
  const s = reader.superblock;
  const stretches: [number, number][] = [
    [1024, 0x70],
    [1024 + 0xe0, 0x40],
    [1024 + 0x150, 0x30],
    [(s.firstDataBlock + 1) * s.blockSize, s.descriptorSize],
  ];
  for await (const { inode, kind } of volume.walk()) {
    const raw = await reader.inode(inode);
    const at = await locateInode(source, s, inode);
    if (inode % 8 === 0 || kind !== 'file') stretches.push([at, s.inodeSize]);
    if (raw.aclBlock !== 0) stretches.push([raw.aclBlock * s.blockSize, 128]);
    const content = kind === 'directory' ? await reader.content(raw) : { inline: new Uint8Array(0) };
    if ('map' in content) for (const run of content.map.runs) stretches.push([run.physical * s.blockSize, 128]);
    const isDeep = kind === 'file' && raw.blockArea[6] === 1;
    if (isDeep)
      stretches.push([
        new DataView(raw.blockArea.buffer, raw.blockArea.byteOffset).getUint32(16, true) * s.blockSize,
        160,
      ]);
  }
  return stretches.flatMap(([from, length]) => fieldsIn(from, length));
}
