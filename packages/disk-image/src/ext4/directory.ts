import { viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import { decodeName } from './names.js';
import type { DirectoryEntry } from './types.js';

const slash = 0x2f;
const headerSize = 8;

function corrupt(inode: number, why: string): ImageError {
  return new ImageError('image.ext4.corrupt', `The folder of inode ${inode} cannot be read: ${why}`, {
    remedy: 'Check the file system with e2fsck, or write the image again.',
  });
}

/** Lengths of entries are in 16 bits; blocks of 64 KiB keep their upper bits in the lowest two. */
function recordLength(stored: number, blockSize: number): number {
  if (blockSize < 65536) return stored;
  if (stored === 65535 || stored === 0) return blockSize;
  return (stored & 0xfffc) | ((stored & 3) << 16);
}

const isDots = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x2e && (bytes.length === 1 || (bytes.length === 2 && bytes[1] === 0x2e));

function requireSafe(inode: number, bytes: Uint8Array): void {
  if (!bytes.includes(slash) && !bytes.includes(0)) return;
  const shown = JSON.stringify(decodeName(bytes));
  throw new ImageError('image.name-unsafe', `A name in the folder of inode ${inode} has a slash or NUL: ${shown}`, {
    remedy: 'Check the file system with e2fsck, or write the image again.',
  });
}

export interface DirectoryLayout {
  inode: number;
  blockSize: number;
  /** Entries have a byte for the type, which old file systems use for longer names. */
  hasFileTypes: boolean;
}

/**
 * The entries in one block, or in one of the two areas of an inline directory. The inner blocks of hashed
 * directories and the checksum tail look like entries without an inode, so that they need no special care.
 */
export function parseDirectoryBlock(bytes: Uint8Array, layout: DirectoryLayout, into: DirectoryEntry[]): void {
  const { inode, blockSize, hasFileTypes } = layout;
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length;) {
    if (at + headerSize > bytes.length) throw corrupt(inode, 'an entry leads past its block');
    const length = recordLength(view.getUint16(at + 4, true), blockSize);
    const nameLength = hasFileTypes ? view.getUint8(at + 6) : view.getUint16(at + 6, true);
    if (length < headerSize || length % 4 !== 0 || at + length > bytes.length) {
      throw corrupt(inode, `an entry of ${length} bytes`);
    }
    const target = view.getUint32(at, true);
    if (target !== 0) {
      if (nameLength === 0 || nameLength > 255 || headerSize + nameLength > length) {
        throw corrupt(inode, `a name of ${nameLength} bytes`);
      }
      const name = bytes.subarray(at + headerSize, at + headerSize + nameLength);
      if (!isDots(name)) {
        requireSafe(inode, name);
        into.push({ name: decodeName(name), inode: target });
      }
    }
    at += length;
  }
}
