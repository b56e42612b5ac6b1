import { crc32c } from '../../src/checksum.js';
import { viewOf } from '../../src/bytes.js';
import { openExt4, readerOf } from '../../src/ext4/volume.js';
import { memorySource } from '../../src/source.js';
import type { JournalFile } from '../../src/ext4/journal/log.js';
import type { JournalLayout } from '../../src/ext4/journal/types.js';

// Journals by hand, after Linux' journal.rst: nothing here shares code with what reads them but the polynomial.

export const magic = 0xc03b3998;
export const journalUuid = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);

export interface LogShape {
  readonly blockSize: number;
  /** Of the whole journal, its superblock included. */
  readonly blocks: number;
  readonly checksums: JournalLayout['checksums'];
  readonly is64bit: boolean;
  /** First block of the oldest transaction. */
  readonly start: number;
  readonly sequence: number;
  /** Blocks behind the log for fast commits. */
  readonly fastCommits?: number;
}

export interface TransactionPlan {
  readonly writes: readonly (readonly [block: number, content: Uint8Array])[];
  readonly revoked?: readonly number[];
  /** Tags with a UUID of their own each, as external journals have them. */
  readonly ownUuids?: boolean;
  /** Seconds. */
  readonly time?: number;
  /** A power cut before the commit block. */
  readonly uncommitted?: boolean;
}

const sumOf = (seed: number, bytes: Uint8Array): number => crc32c(seed, bytes);

/** Bit by bit: the other one has a table. */
function crcBigEndian(start: number, bytes: Uint8Array): number {
  let crc = start;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

/** Writes transactions one after the other, round the log. */
export class LogWriter {
  readonly bytes: Uint8Array;
  readonly shape: LogShape;
  /** Next block of the log. */
  at: number;
  sequence: number;
  private readonly seed = sumOf(0xffffffff, journalUuid);

  constructor(shape: LogShape) {
    this.shape = shape;
    this.bytes = new Uint8Array(shape.blocks * shape.blockSize);
    [this.at, this.sequence] = [shape.start, shape.sequence];
    this.writeSuperblock();
  }

  get end(): number {
    return this.shape.blocks - (this.shape.fastCommits ?? 0);
  }

  block(index: number): Uint8Array {
    const { blockSize } = this.shape;
    return this.bytes.subarray(index * blockSize, (index + 1) * blockSize);
  }

  writeSuperblock(change: (view: DataView) => void = () => undefined): void {
    const { blockSize, blocks, checksums, is64bit, start, sequence, fastCommits } = this.shape;
    const block = this.block(0);
    const view = viewOf(block);
    block.fill(0);
    this.header(view, 4, 0);
    for (const [at, value] of [
      [0x0c, blockSize],
      [0x10, blocks],
      [0x14, 1],
      [0x18, sequence],
      [0x1c, start],
      [0x24, checksums === 1 ? 1 : 0],
      [0x28, 1 | (is64bit ? 2 : 0) | (checksums === 2 ? 8 : 0) | (checksums === 3 ? 16 : 0) | (fastCommits ? 32 : 0)],
      [0x54, fastCommits ?? 0],
    ] as const)
      view.setUint32(at, value);
    block.set(journalUuid, 0x30);
    view.setUint8(0x50, checksums >= 2 ? 4 : 0);
    change(view);
    view.setUint32(0xfc, 0);
    if (checksums >= 2) view.setUint32(0xfc, sumOf(0xffffffff, block.subarray(0, 1024)));
  }

  /** The blocks of the log the transaction was written to: descriptor, data and so on, in order. */
  transaction(plan: TransactionPlan): number[] {
    const used: number[] = [];
    let sum = 0xffffffff;
    for (let from = 0; from < plan.writes.length;) {
      const writes = plan.writes.slice(from, from + this.tagsPerBlock(plan));
      const blocks = [this.descriptor(writes, plan), ...writes.map(([, content]) => escaped(content))];
      for (const block of blocks) sum = crcBigEndian(sum, block);
      used.push(...blocks.map((block) => this.append(block)));
      from += writes.length;
    }
    const { revoked = [] } = plan;
    if (revoked.length > 0) used.push(this.append(this.revocation(revoked)));
    if (plan.uncommitted === true) return used;
    used.push(this.append(this.commit(sum, plan.time ?? 1_700_000_000 + this.sequence)));
    this.sequence = (this.sequence + 1) >>> 0;
    return used;
  }

  private append(block: Uint8Array): number {
    const at = this.at;
    this.block(at).set(block);
    this.at = at + 1 === this.end ? 1 : at + 1;
    return at;
  }

  private header(view: DataView, type: number, sequence = this.sequence): void {
    view.setUint32(0, magic);
    view.setUint32(4, type);
    view.setUint32(8, sequence);
  }

  private tagBytes({ ownUuids = false }: TransactionPlan): number {
    const { checksums, is64bit } = this.shape;
    const plain = checksums === 3 ? 16 : (is64bit ? 12 : 8) + (checksums === 2 ? 2 : 0);
    return plain + (ownUuids ? 16 : 0);
  }

  /** The first tag has a UUID. */
  private tagsPerBlock(plan: TransactionPlan): number {
    return Math.floor((this.shape.blockSize - 12 - 16 - 4) / this.tagBytes(plan));
  }

  private descriptor(writes: TransactionPlan['writes'], plan: TransactionPlan): Uint8Array {
    const { checksums, is64bit } = this.shape;
    const block = new Uint8Array(this.shape.blockSize);
    const view = viewOf(block);
    this.header(view, 1);
    let at = 12;
    writes.forEach(([number, content], i) => {
      const hasUuid = i === 0 || plan.ownUuids === true;
      const flags = (startsWithMagic(content) ? 1 : 0) | (hasUuid ? 0 : 2) | (i === writes.length - 1 ? 8 : 0);
      const sequence = new Uint8Array(4);
      viewOf(sequence).setUint32(0, this.sequence);
      const sum = sumOf(sumOf(this.seed, sequence), escaped(content));
      view.setUint32(at, number >>> 0);
      if (checksums === 3) view.setUint32(at + 4, flags);
      else view.setUint16(at + 6, flags);
      if (checksums === 2) view.setUint16(at + 4, sum & 0xffff);
      if (checksums === 3) view.setUint32(at + 12, sum);
      if (is64bit) view.setUint32(at + 8, Math.floor(number / 2 ** 32));
      at += this.tagBytes({ ...plan, ownUuids: false });
      if (hasUuid) block.set(journalUuid, at);
      if (hasUuid) at += 16;
    });
    return this.withTail(block);
  }

  private revocation(revoked: readonly number[]): Uint8Array {
    const block = new Uint8Array(this.shape.blockSize);
    const view = viewOf(block);
    const size = this.shape.is64bit ? 8 : 4;
    this.header(view, 5);
    view.setUint32(12, 16 + revoked.length * size);
    revoked.forEach((number, i) => {
      if (size === 8) view.setBigUint64(16 + i * 8, BigInt(number));
      else view.setUint32(16 + i * 4, number);
    });
    return this.withTail(block);
  }

  private withTail(block: Uint8Array): Uint8Array {
    if (this.shape.checksums >= 2) viewOf(block).setUint32(block.length - 4, sumOf(this.seed, block));
    return block;
  }

  private commit(sum: number, time: number): Uint8Array {
    const block = new Uint8Array(this.shape.blockSize);
    const view = viewOf(block);
    this.header(view, 2);
    view.setBigUint64(0x30, BigInt(time));
    if (this.shape.checksums === 1) {
      view.setUint16(0x0c, 0x0104);
      view.setUint32(0x10, sum);
    }
    if (this.shape.checksums >= 2) view.setUint32(0x10, sumOf(this.seed, block));
    return block;
  }
}

const startsWithMagic = (content: Uint8Array): boolean => viewOf(content).getUint32(0) === magic;

function escaped(content: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(content);
  if (startsWithMagic(content)) copy.fill(0, 0, 4);
  return copy;
}

/** A journal in memory as the file it would be, at byte `place` of a volume. */
export const fileOf = (writer: Pick<LogWriter, 'bytes' | 'shape'>, place = 0): JournalFile & { reads: number } => {
  const { blockSize, blocks } = writer.shape;
  return {
    reads: 0,
    blocks,
    place: (block) => place + block * blockSize,
    async read(block) {
      this.reads += 1;
      return writer.bytes.subarray(block * blockSize, (block + 1) * blockSize);
    },
  };
};

/** What is left of transactions by the rules as the kernel has them: all revocations first, then all blocks in order. */
export function replayedContent(plans: readonly TransactionPlan[]): Map<number, Uint8Array> {
  const committed = plans.filter(({ uncommitted }) => uncommitted !== true);
  const revokedIn = new Map<number, number>();
  committed.forEach(({ revoked = [] }, i) => revoked.forEach((block) => revokedIn.set(block, i)));
  const content = new Map<number, Uint8Array>();
  committed.forEach(({ writes }, i) => {
    for (const [block, bytes] of writes) if (i > (revokedIn.get(block) ?? -1)) content.set(block, bytes);
  });
  return content;
}

/** Where each block of the journal of an image lies, in bytes. */
export async function journalPlaces(image: Uint8Array): Promise<number[]> {
  const volume = await openExt4(memorySource(image));
  const reader = readerOf(volume);
  const content = await reader.content(await reader.inode(8));
  if ('inline' in content) throw new Error('the journal is inline');
  return content.map.runs.flatMap(({ physical, count }) =>
    Array.from({ length: count }, (_, i) => (physical + i) * volume.blockSize),
  );
}
