import type { RandomAccess } from '../source.js';
import { indexBlocks, type BlockIndex } from './block-index.js';
import { mostInstructions } from './format.js';
import { withAtMost } from './limit.js';
import { sameAfter, sameBefore } from './match.js';
import { RollingHash } from './rolling-hash.js';
import type { DeltaOptions, DeltaPlan, Instruction } from './types.js';

/** What a copy saves has to be worth two programs that a board starts. */
const shortestCopy = 8192;
const chunkSize = 256 * 1024;

/** A place in the new file whose block may be one of the old file. */
interface Candidate {
  readonly nextAt: number;
  readonly oldAt: number;
  readonly hash: number;
}

/** Goes over the new file byte by byte and looks for blocks that the old one has. */
class Scan {
  private readonly next: RandomAccess;
  private readonly index: BlockIndex;
  private readonly hash: RollingHash;
  private chunk: Uint8Array = new Uint8Array(0);
  private chunkAt = 0;

  constructor(next: RandomAccess, index: BlockIndex) {
    this.next = next;
    this.index = index;
    this.hash = new RollingHash(index.blockSize);
  }

  /** The first candidate from `at` on. */
  async candidate(
    at: number,
    { signal, onProgress }: { signal: AbortSignal | undefined; onProgress: (at: number) => void },
  ) {
    const { blockSize } = this.index;
    for (let from = at; from + blockSize <= this.next.size;) {
      signal?.throwIfAborted();
      onProgress(from);
      await this.load(from);
      const found = this.look(from - this.chunkAt);
      if (found !== undefined) return found;
      from = this.chunkAt + this.chunk.length - blockSize + 1;
    }
    return undefined;
  }

  /** Reads on when less than a block is left of what was read. */
  private async load(at: number): Promise<void> {
    const end = this.chunkAt + this.chunk.length;
    if (at >= this.chunkAt && at + this.index.blockSize <= end) return;
    this.chunkAt = at;
    this.chunk = await this.next.read(at, Math.min(Math.max(chunkSize, this.index.blockSize * 4), this.next.size - at));
  }

  private look(from: number): Candidate | undefined {
    const { chunk, index, hash } = this;
    const last = chunk.length - index.blockSize;
    let value = hash.start(chunk, from);
    for (let at = from; ; at += 1) {
      const oldAt = index.find(value);
      if (oldAt !== undefined) return { nextAt: this.chunkAt + at, oldAt, hash: value };
      if (at >= last) return undefined;
      value = hash.roll(chunk[at] as number, chunk[at + index.blockSize] as number);
    }
  }
}

/** Gathers what becomes of the new file, from its beginning on. */
class Instructions {
  readonly list: Instruction[] = [];
  /** The new file is accounted for up to here. */
  end = 0;

  copy(at: number, offset: number, length: number): void {
    this.insertUpTo(at);
    this.list.push({ kind: 'copy', offset, length });
    this.end = at + length;
  }

  insertUpTo(at: number): void {
    if (at > this.end) this.list.push({ kind: 'insert', offset: this.end, length: at - this.end });
    this.end = at;
  }
}

/**
 * How `old` becomes `next`: what is the same in both, wherever it is, is copied. Reads both in place, `old` once and what matches once more, and needs some 20 MiB
 * of memory however large they are. The same files give the same plan.
 */
export async function planDelta(old: RandomAccess, next: RandomAccess, options: DeltaOptions = {}): Promise<DeltaPlan> {
  const index = await indexBlocks(old, options);
  const scan = new Scan(next, index);
  const shortest = Math.max(options.shortest ?? shortestCopy, index.blockSize);
  const made = new Instructions();
  const watch = {
    signal: options.signal,
    onProgress: (at: number) => options.onProgress?.(old.size + at),
  };
  let at = 0;
  for (;;) {
    const found = await scan.candidate(at, watch);
    if (found === undefined) break;
    const place = { old, next, ...found };
    const after = await sameAfter(place);
    if (after < index.blockSize) {
      index.forget(found.hash);
      at = found.nextAt;
      continue;
    }
    const before = await sameBefore(place, found.nextAt - made.end);
    if (before + after >= shortest) made.copy(found.nextAt - before, found.oldAt - before, before + after);
    // What is too short to be copied is passed over as well: it would be found again at each of its bytes.
    at = found.nextAt + after;
  }
  made.insertUpTo(next.size);
  const instructions = withAtMost(made.list, options.most ?? mostInstructions);
  return { oldSize: old.size, newSize: next.size, instructions };
}
