import { viewOf } from '../../bytes.js';
import type { JournalLayout } from './types.js';

/** The first four bytes of every block of a journal that is no data (journal.rst, "Block Header"). */
export const journalMagic = 0xc03b3998;
export const blockType = { descriptor: 1, commit: 2, superblockV1: 3, superblockV2: 4, revocation: 5 } as const;

const headerSize = 12;
const tailSize = 4;
const uuidSize = 16;
const tagFlag = { escaped: 1, sameUuid: 2, last: 8 } as const;

export interface RecordHeader {
  readonly type: number;
  readonly sequence: number;
}

/** Undefined: no magic. */
export function parseHeader(block: Uint8Array): RecordHeader | undefined {
  const view = viewOf(block);
  if (block.length < headerSize || view.getUint32(0) !== journalMagic) return undefined;
  return { type: view.getUint32(4), sequence: view.getUint32(8) };
}

/** What a descriptor says of one of the data blocks that follow it. */
export interface Tag {
  /** Where it belongs in the volume. */
  readonly block: number;
  /** Its first four bytes were the magic, and are zeros in the journal. */
  readonly isEscaped: boolean;
  /** 16 bits in version 2, 32 in version 3. */
  readonly checksum: number;
}

type TagShape = Pick<JournalLayout, 'checksums' | 'is64bit'>;

/**
 * Bytes of a tag without its UUID. The documentation leaves out that version 2 of the checksums makes it two bytes longer
 * (Linux, journal_tag_bytes).
 */
export function tagSize({ checksums, is64bit }: TagShape): number {
  if (checksums === 3) return 16;
  return 8 + (is64bit ? 4 : 0) + (checksums === 2 ? 2 : 0);
}

/** Where the content of a descriptor or revocation block ends. */
const contentEnd = (block: Uint8Array, { checksums }: TagShape): number =>
  block.length - (checksums >= 2 ? tailSize : 0);

/** The tags of a descriptor block: up to the one that says it is the last, or to the end (journal.rst, "Descriptor Block"). */
export function parseTags(block: Uint8Array, shape: TagShape): Tag[] {
  const view = viewOf(block);
  const size = tagSize(shape);
  const end = contentEnd(block, shape);
  const tags: Tag[] = [];
  for (let at = headerSize; at + size <= end;) {
    // Version 3 has 32 bits of flags, of which only the lower 16 are in use: at the place of the older ones.
    const flags = view.getUint16(at + 6);
    const high = shape.is64bit ? view.getUint32(at + 8) : 0;
    tags.push({
      block: high * 0x1_0000_0000 + view.getUint32(at),
      isEscaped: (flags & tagFlag.escaped) !== 0,
      checksum: shape.checksums === 3 ? view.getUint32(at + 12) : view.getUint16(at + 4),
    });
    if ((flags & tagFlag.last) !== 0) break;
    at += size + ((flags & tagFlag.sameUuid) === 0 ? uuidSize : 0);
  }
  return tags;
}

/** The blocks a revocation block names, or undefined when it says it is longer than it is (journal.rst, "Revocation Block"). */
export function parseRevocations(block: Uint8Array, shape: TagShape): number[] | undefined {
  const view = viewOf(block);
  const used = view.getUint32(headerSize);
  if (used > contentEnd(block, shape)) return undefined;
  const size = shape.is64bit ? 8 : 4;
  const blocks: number[] = [];
  for (let at = headerSize + 4; at + size <= used; at += size)
    blocks.push(shape.is64bit ? view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4) : view.getUint32(at));
  return blocks;
}

/** When a transaction was committed, in seconds since 1970. */
export function commitTime(block: Uint8Array): number {
  const view = viewOf(block);
  return view.getUint32(0x30) * 0x1_0000_0000 + view.getUint32(0x34);
}
