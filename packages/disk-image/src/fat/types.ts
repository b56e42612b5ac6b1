import type { Extent } from '../source.js';

export interface FatEntry {
  /** Without a leading slash, with the long name and its case: `overlays/foo.dtbo`. */
  path: string;
  kind: 'file' | 'directory';
  /** Bytes; 0 for a directory. */
  size: number;
  /** Where the content is, relative to the volume: in order, merged, and clipped to `size`. */
  extents: Extent[];
  /** FAT keeps local time without a zone; it is given here as if it were UTC. */
  mtime?: Date;
}

/** A FAT file system, read in place. Everything is read-only and parsed once. */
export interface FatVolume {
  readonly kind: 'fat12' | 'fat16' | 'fat32';
  /** From the root directory, else from the boot sector; empty when there is none. */
  readonly label: string;
  /** Volume serial number as 8 hex digits. */
  readonly serial: string;
  /** Bytes. */
  readonly clusterSize: number;
  /** Linux marks a volume so while it is mounted for writing: what was written last may be there in part. */
  readonly dirty: boolean;
  /** The whole tree, flat, parents before children, in directory order. */
  entries(): Promise<readonly FatEntry[]>;
  /** Ignores case, as FAT does. Undefined when there is no such entry. The root itself has no entry. */
  stat(path: string): Promise<FatEntry | undefined>;
  /** Throws `image.not-found`, `image.not-a-file`, or `image.too-large` above `limit` bytes (64 MiB). */
  readFile(path: string, limit?: number): Promise<Uint8Array>;
  /** Throws `image.not-found`. */
  extents(path: string): Promise<readonly Extent[]>;
}
