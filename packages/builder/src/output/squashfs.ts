import type { Sandbox } from '../machine/sandbox.js';
import type { Compression } from '../recipe/schema.js';

export interface SquashfsOptions {
  readonly compression: Exclude<Compression, 'auto'>;
  /** As small as it gets, however long it takes; else quickly. */
  readonly strong: boolean;
  /** Seconds. */
  readonly epoch: number;
  /** A folder of the root whose content is left out: `/boot/firmware`. */
  readonly without: string | undefined;
  readonly onOutput: (chunk: Uint8Array) => void;
}

/** mksquashfs(1): levels of what has some; the block size that the kernel reads for one page is the price of a strong compression. */
const compressor = ({ compression, strong }: SquashfsOptions): string[] => {
  switch (compression) {
    case 'none':
      return ['-noI', '-noD', '-noF', '-noX'];
    case 'zstd':
      return ['-comp', 'zstd', '-Xcompression-level', strong ? '19' : '3', '-b', strong ? '256K' : '128K'];
    case 'gzip':
      return ['-comp', 'gzip', '-Xcompression-level', strong ? '9' : '4'];
    case 'xz':
      return ['-comp', 'xz', '-b', strong ? '256K' : '128K'];
    case 'lzo':
      return ['-comp', 'lzo'];
    case 'lz4':
      return ['-comp', 'lz4', ...(strong ? ['-Xhc'] : [])];
  }
};

/** Packs a root of a sandbox. The same tree gives the same bytes. */
export const packSquashfs = (
  sandbox: Sandbox,
  root: string,
  into: string,
  options: SquashfsOptions,
): Promise<unknown> => {
  const form = ['-noappend', '-no-progress', '-reproducible', '-mkfs-time', String(options.epoch), '-xattrs'];
  const left = options.without === undefined ? [] : ['-wildcards', '-e', `${options.without.slice(1)}/*`];
  return sandbox.run('mksquashfs', [root, into, ...form, ...compressor(options), ...left], {
    onOutput: options.onOutput,
  });
};
