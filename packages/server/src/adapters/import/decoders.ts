import { availableParallelism } from 'node:os';

/** How a system tool turns stdin into the plain disk on stdout. `sparse`: it leaves holes where the disk is zero by itself. */
export interface Decoder {
  readonly command: string;
  readonly args: readonly string[];
  readonly sparse: boolean;
  /** Debian package, for the remedy when it is missing. */
  readonly package: string;
}

/** One core stays free: boards that boot meanwhile are not to wait for a decompressor. */
const threads = Math.max(1, availableParallelism() - 1);

/** Only containers that are streams; zip has a table of contents and is read by yauzl. */
export const decoders: Readonly<Record<'xz' | 'gz' | 'zst', Decoder>> = {
  xz: { command: 'xz', args: ['-dc', `-T${threads}`, '-q'], sparse: true, package: 'xz-utils' },
  gz: { command: 'gzip', args: ['-dcq'], sparse: false, package: 'gzip' },
  zst: { command: 'zstd', args: ['-dcq', '--sparse', '--long=31'], sparse: true, package: 'zstd' },
};
