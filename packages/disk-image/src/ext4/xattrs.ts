import { bufferOf, viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import { aclToXattr } from './acl.js';
import { inodeFlag, type Inode } from './inode.js';
import type { Superblock } from './superblock.js';
import type { Xattr } from './types.js';

const magic = 0xea020000;
const blockHeaderSize = 32;
const entryHeaderSize = 16;
/** The most Linux takes for one value (XATTR_SIZE_MAX). */
const maxValueSize = 65536;
const systemIndex = 7;

const prefixes = new Map<number, string>([
  [1, 'user.'],
  [2, 'system.posix_acl_access'],
  [3, 'system.posix_acl_default'],
  [4, 'trusted.'],
  [6, 'security.'],
  [systemIndex, 'system.'],
  [8, 'system.richacl'],
  [10, 'gnu.'],
]);
const aclIndexes = new Set([2, 3]);

/** One attribute as stored; its value lies here or in an inode of its own (ea_inode). */
interface StoredAttribute {
  index: number;
  name: string;
  value: Uint8Array | { inode: number; size: number };
}

function corrupt(inode: number, why: string): ImageError {
  return new ImageError('image.ext4.corrupt', `The attributes of inode ${inode} cannot be read: ${why}`, {
    remedy: 'Check the file system with e2fsck, or write the image again.',
  });
}

/** Entries from `at` on; offsets of values count from `base`. */
function parseEntries(inode: number, bytes: Uint8Array, from: number, base: number): StoredAttribute[] {
  const view = viewOf(bytes);
  const found: StoredAttribute[] = [];
  for (let at = from; at + entryHeaderSize <= bytes.length;) {
    if (view.getUint32(at, true) === 0) break;
    const nameLength = view.getUint8(at);
    const end = at + entryHeaderSize + nameLength;
    if (end > bytes.length) throw corrupt(inode, 'a name leads past their end');
    found.push({
      index: view.getUint8(at + 1),
      name: bufferOf(bytes).toString('utf8', at + entryHeaderSize, end),
      value: parseValue(inode, bytes, at, base),
    });
    at = (end + 3) & ~3;
  }
  return found;
}

function parseValue(inode: number, bytes: Uint8Array, at: number, base: number): StoredAttribute['value'] {
  const view = viewOf(bytes);
  const size = view.getUint32(at + 8, true);
  if (size > maxValueSize) throw corrupt(inode, `a value of ${size} bytes`);
  const holder = view.getUint32(at + 4, true);
  if (holder !== 0) return { inode: holder, size };
  if (size === 0) return new Uint8Array(0);
  const start = base + view.getUint16(at + 2, true);
  if (start + size > bytes.length) throw corrupt(inode, 'a value leads past their end');
  return new Uint8Array(bytes.subarray(start, start + size));
}

async function readStored(source: RandomAccess, s: Superblock, inode: Inode): Promise<StoredAttribute[]> {
  const number = inode.stat.inode;
  const area = inode.attributeArea;
  const inside = area.length >= 8 && viewOf(area).getUint32(0, true) === magic ? parseEntries(number, area, 4, 4) : [];
  if (inode.aclBlock === 0) return inside;
  if (inode.aclBlock >= s.blockCount) throw corrupt(number, `block ${inode.aclBlock} is outside the volume`);
  const block = await source.read(inode.aclBlock * s.blockSize, s.blockSize);
  const view = viewOf(block);
  if (view.getUint32(0, true) !== magic || view.getUint32(8, true) !== 1) {
    throw corrupt(number, `block ${inode.aclBlock} has no attribute header`);
  }
  return [...inside, ...parseEntries(number, block, blockHeaderSize, 0)];
}

/** Reads the content of an inode that holds a value. */
export type ReadHolder = (inode: number, size: number) => Promise<Uint8Array>;

function fullName(inode: number, stored: StoredAttribute): string {
  const prefix = prefixes.get(stored.index);
  if (prefix === undefined) throw corrupt(inode, `the unknown kind ${stored.index}`);
  const complete = prefix.endsWith('.') === (stored.name !== '');
  if (!complete || stored.name.includes('\0')) throw corrupt(inode, `the name ${JSON.stringify(stored.name)}`);
  return prefix + stored.name;
}

async function resolveValue(inode: number, stored: StoredAttribute, readHolder: ReadHolder): Promise<Uint8Array> {
  const { value } = stored;
  const bytes = value instanceof Uint8Array ? value : await readHolder(value.inode, value.size);
  if (!aclIndexes.has(stored.index)) return bytes;
  const acl = aclToXattr(bytes);
  if (acl === undefined) throw corrupt(inode, 'a malformed access control list');
  return acl;
}

const isInlineData = (stored: StoredAttribute): boolean => stored.index === systemIndex && stored.name === 'data';

/** All attributes of an inode, without those that are part of how ext4 keeps data. Sorted by name. */
export async function readXattrs(
  source: RandomAccess,
  s: Superblock,
  inode: Inode,
  readHolder: ReadHolder,
): Promise<Xattr[]> {
  if (inode.aclBlock === 0 && inode.attributeArea.length < 8) return [];
  if ((inode.flags & inodeFlag.eaInode) !== 0) return [];
  const stored = (await readStored(source, s, inode)).filter((attribute) => !isInlineData(attribute));
  const found: Xattr[] = [];
  for (const attribute of stored) {
    const name = fullName(inode.stat.inode, attribute);
    found.push({ name, value: await resolveValue(inode.stat.inode, attribute, readHolder) });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The part of inline data that did not fit into the 60 bytes of block pointers. */
export async function readInlineRest(source: RandomAccess, s: Superblock, inode: Inode): Promise<Uint8Array> {
  const stored = (await readStored(source, s, inode)).find(isInlineData);
  return stored?.value instanceof Uint8Array ? stored.value : new Uint8Array(0);
}
