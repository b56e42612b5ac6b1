import { crc32be, dataSum, hasGoodTail, isGoodCommit, isGoodTransaction } from './checksums.js';
import type { JournalFile } from './log.js';
import { blockType, commitTime, parseHeader, parseRevocations, parseTags, type Tag } from './records.js';
import { unusable, usable, type Checked, type JournalLayout, type Unusable } from './types.js';

/** A block that replaces one of the volume. */
export interface LoggedBlock {
  /** Byte offset in the volume of what is to be read in its stead. */
  readonly place: number;
  /** Its first four bytes are to be read as the magic. */
  readonly isEscaped: boolean;
}

/** What the log of a journal leaves behind. */
export interface Replay {
  /** By the block of the volume. */
  readonly blocks: ReadonlyMap<number, LoggedBlock>;
  readonly transactions: number;
  /** Number of the transaction after the last that was committed. */
  readonly next: number;
}

/** Most blocks of a log that are gone through, and their bytes: what the largest journals of mke2fs hold, twice. */
export const replayLimits = { blocks: 1 << 19, bytes: 2 * 1024 ** 3 } as const;

interface Logged extends LoggedBlock {
  /** Its checksum is the one of its tag. */
  readonly isWhole: boolean;
}

/** What is known of a transaction before its commit block is reached. */
interface Transaction {
  readonly tags: (Tag & { readonly at: number })[];
  /** Blocks of the log with its revocations. */
  readonly revocations: number[];
  /** One of its descriptors or revocation blocks has a wrong checksum: it may be a leftover of the log's last round. */
  isSuspect: boolean;
  /** Running sum of checksums of version 1. */
  sum: number;
}

const begun = (): Transaction => ({ tags: [], revocations: [], isSuspect: false, sum: 0xffffffff });

/** What a step of the walk says: go on, the log ends here, or it cannot be used. */
type Step = 'on' | 'end' | Unusable;

/**
 * Goes through a log once, as a kernel's recovery does in three passes (Linux, fs/jbd2/recovery.c): a transaction counts when its commit block
 * is reached and whole, the last content of a block wins, and a revocation takes away what its transaction and earlier ones have for a block. So
 * each transaction is noted when it is committed, and its revocations are read again after its blocks.
 */
class LogWalk {
  private readonly blocks = new Map<number, Logged>();
  private readonly file: JournalFile;
  private readonly layout: JournalLayout;
  private readonly volumeBlocks: number;
  private at: number;
  private sequence: number;
  private walked = 0;
  private transactions = 0;
  private lastCommit = 0;
  private current = begun();

  constructor(file: JournalFile, layout: JournalLayout, volumeBlocks: number) {
    this.file = file;
    this.layout = layout;
    this.volumeBlocks = volumeBlocks;
    this.at = layout.start;
    this.sequence = layout.sequence;
  }

  async run(): Promise<Checked<Replay>> {
    let step: Step = this.layout.start === 0 ? 'end' : 'on';
    while (step === 'on') step = await this.step();
    if (step !== 'end') return step;
    for (const [block, { isWhole }] of this.blocks)
      if (!isWhole) return unusable('checksum', `has a wrong checksum for block ${block} of the volume`);
    return usable({ blocks: this.blocks, transactions: this.transactions, next: this.sequence });
  }

  private async step(): Promise<Step> {
    const here = this.advance();
    if (here === undefined) return 'end';
    if (this.walked > replayLimits.blocks || this.walked * this.layout.blockSize > replayLimits.bytes)
      return unusable('too-large', `has more than ${this.walked - 1} blocks to replay`);
    const block = await this.file.read(here);
    const header = parseHeader(block);
    if (header === undefined || header.sequence !== this.sequence) return 'end';
    switch (header.type) {
      case blockType.descriptor:
        return this.descriptor(block);
      case blockType.revocation:
        this.suspect(block);
        this.current.revocations.push(here);
        return 'on';
      case blockType.commit:
        return this.commit(block);
      default:
        return 'end';
    }
  }

  /** The next block of the log, which goes on at its first after its last; undefined when it was gone round. */
  private advance(): number | undefined {
    const { first, end } = this.layout;
    if (this.walked === end - first) return undefined;
    this.walked += 1;
    const here = this.at;
    this.at = here + 1 === end ? first : here + 1;
    return here;
  }

  private suspect(block: Uint8Array): void {
    if (this.layout.checksums >= 2 && !hasGoodTail(this.layout.seed, block)) this.current.isSuspect = true;
  }

  private async descriptor(block: Uint8Array): Promise<Step> {
    this.suspect(block);
    const isSummed = this.layout.checksums === 1;
    if (isSummed) this.current.sum = crc32be(this.current.sum, block);
    for (const tag of parseTags(block, this.layout)) {
      const at = this.advance();
      if (at === undefined) return 'end';
      if (isSummed) this.current.sum = crc32be(this.current.sum, await this.file.read(at));
      this.current.tags.push({ ...tag, at });
    }
    return 'on';
  }

  private async commit(block: Uint8Array): Promise<Step> {
    const { checksums, seed } = this.layout;
    const time = commitTime(block);
    // A leftover is older than the transaction before it; what is newer was damaged after it had been committed.
    if (this.current.isSuspect)
      return time < this.lastCommit
        ? 'end'
        : unusable('checksum', `has a wrong checksum in transaction ${this.sequence}`);
    if (checksums === 1 && !isGoodTransaction(this.current.sum, block)) return 'end';
    if (checksums >= 2 && !isGoodCommit(seed, block)) return 'end';
    const step = await this.apply();
    this.current = begun();
    this.lastCommit = time;
    this.transactions += 1;
    this.sequence = (this.sequence + 1) >>> 0;
    return step;
  }

  private async apply(): Promise<Step> {
    for (const tag of this.current.tags) {
      if (tag.block >= this.volumeBlocks)
        return unusable('corrupt', `is damaged: it holds block ${tag.block} of a volume of ${this.volumeBlocks}`);
      const { at, isEscaped } = tag;
      this.blocks.set(tag.block, { place: this.file.place(at), isEscaped, isWhole: await this.isWhole(tag) });
    }
    for (const at of this.current.revocations) {
      const revoked = parseRevocations(await this.file.read(at), this.layout);
      if (revoked === undefined)
        return unusable('corrupt', `is damaged: block ${at} of it has more revocations than it can hold`);
      for (const block of revoked) this.blocks.delete(block);
    }
    return 'on';
  }

  private async isWhole({ at, checksum }: Tag & { readonly at: number }): Promise<boolean> {
    const { checksums, seed } = this.layout;
    if (checksums < 2) return true;
    const sum = dataSum(seed, this.sequence, await this.file.read(at));
    return checksum === (checksums === 3 ? sum : sum & 0xffff);
  }
}

/** Which blocks of a volume of `volumeBlocks` a journal has newer content for. Work and memory are bounded by {@link replayLimits}. */
export const replayLog = (file: JournalFile, layout: JournalLayout, volumeBlocks: number): Promise<Checked<Replay>> =>
  new LogWalk(file, layout, volumeBlocks).run();
