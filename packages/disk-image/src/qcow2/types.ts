import type { Extent } from '../source.js';

/**
 * A file that can be written anywhere. Calls may be made while others are under way; they take effect in any order, and after a power cut
 * what was written since the last `datasync` may be there in part, in any order, torn between sectors of 512 bytes. Bytes that are handed
 * to `write` must not change before it resolves.
 */
export interface BlockFile extends BlockSource {
  /** Writes all of it, one piece behind the other, and makes the file longer when it must. Resolves when the kernel has it. */
  write(offset: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<void>;
  /** When this resolves, everything whose `write` had resolved before the call is durable, with the size of the file. */
  datasync(): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Makes holes, which read as zeros and take no space. Absent where the system cannot. */
  punch?(ranges: readonly Extent[]): Promise<void>;
  close(): Promise<void>;
}

/** A file to read from at any offset. */
export interface BlockSource {
  /** Bytes. */
  readonly size: number;
  /** Fills the target, or the targets one after the other, from `offset` on. What is behind the end of the file reads as zeros. */
  readInto(offset: number, target: Uint8Array | readonly Uint8Array[]): Promise<void>;
  /**
   * As `readInto`, at once: false when that is not possible without waiting, and then some of the target may be filled. Absent where the system cannot.
   */
  readNow?(offset: number, target: Uint8Array): boolean;
}

/** Fills the target, at once where that is possible without waiting. */
export const readSoon = (file: BlockSource, offset: number, target: Uint8Array): void | Promise<void> =>
  file.readNow?.(offset, target) === true ? undefined : file.readInto(offset, target);

/** So much of the caller's memory, or memory of its own. Not zeroed. */
export const targetOf = (length: number, into: Uint8Array | undefined): Uint8Array =>
  into === undefined ? Buffer.allocUnsafeSlow(length) : into.length === length ? into : into.subarray(0, length);

/** A stretch of a disk of which one thing is true. */
export interface BlockStatus {
  /** Bytes from the start of the disk. */
  offset: number;
  length: number;
  /** Reads as zeros. */
  zero: boolean;
  /** Takes no space. */
  hole: boolean;
}

/**
 * A disk, or a state of one, to read from. What is in memory is given at once, not through a promise. Bytes that are handed out must not be
 * changed: they may belong to a cache. Ranges must lie within the disk.
 */
export interface DiskView {
  /** Bytes. */
  readonly size: number;
  /** `into`: memory of the caller, at least as long, for what is not in memory. */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** As `read`, into memory of the caller. */
  readInto(offset: number, target: Uint8Array): void | Promise<void>;
  /** Adjoining stretches from `offset` on, without two alike in a row; fewer bytes than asked for when there would be more than `limit`. */
  status(offset: number, length: number, limit: number): BlockStatus[] | Promise<BlockStatus[]>;
  /** True when it is known without waiting that all of this reads as zeros. */
  knownZero(offset: number, length: number): boolean;
  /**
   * Whether the lowest part, a raw image, shows through everywhere here: the bytes are those of that image, at the same place. False where there is no
   * image or behind its end. Looks at every cluster of the stretch, until one is its own.
   */
  fromBase(offset: number, length: number): boolean | Promise<boolean>;
}
