import type { Readable } from 'node:stream';
import type { Page } from '@drover/contract';

export interface BlobInfo {
  /** sha256, 64 hex digits. */
  digest: string;
  size: number;
}

/**
 * Content-addressed bytes: plain put, ranged get, list, delete; nothing conditional, so that any S3 will do. A put is atomic: the blob is there whole
 * and durable (fsync of file and folder) or not at all. The same bytes put twice are stored once.
 */
export interface BlobStore {
  /** Stores a stream. Throws RefusedError('image.digest-mismatch') when `expected` is given and differs, 'storage.full' on ENOSPC. */
  put(source: AsyncIterable<Uint8Array>, options?: { expected?: string; signal?: AbortSignal }): Promise<BlobInfo>;
  /** Takes over a finished local file of known digest by rename where possible (same file system), keeping it sparse. The caller made its digest. */
  adopt(path: string, digest: string): Promise<BlobInfo>;
  stat(digest: string): Promise<(BlobInfo & { modifiedAt: number }) | undefined>;
  /** Exactly `length` bytes; throws when the blob is absent or shorter. */
  read(digest: string, offset: number, length: number): Promise<Uint8Array>;
  /** `start` and `end` are the first and the last byte, as in HTTP; without a range all of it. */
  stream(digest: string, range?: { start: number; end: number }): Readable;
  /** Reads all of a blob and compares it with its name. */
  verify(digest: string, signal?: AbortSignal): Promise<'sound' | 'damaged' | 'absent'>;
  /** Where the bytes are on this machine, for tools and sendfile; undefined for stores that are not local. */
  localPath(digest: string): string | undefined;
  list(): AsyncIterable<BlobInfo & { modifiedAt: number }>;
  /**
   * Removes a blob; no error when it is gone. `unlessModifiedSince` (ms since the epoch) leaves one that was put or touched since then: false. That is what
   * keeps the collector from taking a blob that somebody puts at this very moment.
   */
  delete(digest: string, options?: { unlessModifiedSince?: number }): Promise<boolean>;
  /** Renews the age of a blob that is about to be referred to again, so that the collector leaves it. False when absent. */
  touch(digest: string): Promise<boolean>;
  /** A fresh private file path on the blobs' own file system, for work that ends in {@link adopt}; swept at start when left behind. */
  scratch(name: string): Promise<string>;
  /** Removes a scratch file and anything that was made beside it; no error when it is gone. */
  discard(path: string): Promise<void>;
  sweepScratch(): Promise<void>;
}

/** Which blobs are known and wanted. References are computed from the tables that hold digests, never counted. */
export interface BlobRepository {
  /** Notes a blob, or renews the moment of one that is known, so that the collector leaves it until something names it. */
  record(blob: BlobInfo, at: string): Promise<void>;
  get(digest: string): Promise<(BlobInfo & { createdAt: string }) | undefined>;
  /** By digest. */
  list(page: { limit: number; cursor?: string }): Promise<Page<BlobInfo & { createdAt: string }>>;
  /** True when an image, a derivative, a disk, a backup or a build names the digest. */
  isReferenced(digest: string): Promise<boolean>;
  /** Known blobs older than `before` that nothing names. */
  unreferenced(before: string, limit: number): Promise<BlobInfo[]>;
  forget(digest: string): Promise<void>;
  /** How many are known, and their bytes. */
  totals(): Promise<{ count: number; bytes: number }>;
  /** `name:version` of the images that need it. */
  neededBy(digest: string): Promise<string[]>;
}
