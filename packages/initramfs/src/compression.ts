import { gunzipSync } from 'node:zlib';
import { decompress, ImageError, resolveModules, type Ext4Volume } from '@drover/disk-image';

/** What squashfs can be compressed with. */
export type SquashfsCompression = 'gzip' | 'xz' | 'zstd' | 'lzo' | 'lz4';

/** What a kernel can mount, and how we know. */
export interface KernelCompressions {
  readonly release: string;
  readonly can: readonly SquashfsCompression[];
  readonly evidence: string;
}

export interface CompressionChoice {
  readonly compression: SquashfsCompression;
  readonly reason: string;
}

/**
 * Best first: zstd packs in seconds and unpacks fastest for its size; gzip, which every squashfs knows, packs twenty times faster
 * than xz and unpacks four times faster on a Pi, for a fifth more memory.
 */
const preference: readonly SquashfsCompression[] = ['zstd', 'gzip', 'xz', 'lzo', 'lz4'];

/**
 * Symbols of the decompressors a squashfs module calls (fs/squashfs/*_wrapper.c). They are in its symbol table exactly when the
 * compression was configured.
 */
const symbols: readonly (readonly [RegExp, SquashfsCompression])[] = [
  [/\0(zstd_decompress_stream|ZSTD_decompressStream|zstd_init_dstream|ZSTD_initDStream)\0/, 'zstd'],
  [/\0zlib_inflate\0/, 'gzip'],
  [/\0xz_dec_run\0/, 'xz'],
  [/\0lzo1x_decompress_safe\0/, 'lzo'],
  [/\0LZ4_decompress_safe\0/, 'lz4'],
];

/** Lines of a kernel configuration. */
const options: readonly (readonly [string, SquashfsCompression])[] = [
  ['CONFIG_SQUASHFS_ZSTD', 'zstd'],
  ['CONFIG_SQUASHFS_ZLIB', 'gzip'],
  ['CONFIG_SQUASHFS_XZ', 'xz'],
  ['CONFIG_SQUASHFS_LZO', 'lzo'],
  ['CONFIG_SQUASHFS_LZ4', 'lz4'],
];

const limit = 64 * 1024 * 1024;

async function readModule(volume: Ext4Volume, release: string, name: string): Promise<Buffer | undefined> {
  const resolved = await resolveModules(volume, release, [name]);
  const file = resolved.files.find((each) => each.name === name);
  if (file === undefined) return undefined;
  return Buffer.from(await decompress(await volume.readFile(file.path, limit), { limit }));
}

export function fromModule(bytes: Buffer): SquashfsCompression[] {
  const text = bytes.toString('latin1');
  return symbols.filter(([symbol]) => symbol.test(text)).map(([, compression]) => compression);
}

export function fromConfiguration(text: string): SquashfsCompression[] {
  const set = new Set(text.split('\n').map((line) => line.trim()));
  return options.filter(([option]) => set.has(`${option}=y`)).map(([, compression]) => compression);
}

/** The configuration a kernel carries between IKCFG_ST and IKCFG_ED (kernel/configs.c), in its module configs.ko. */
export function embeddedConfiguration(bytes: Buffer): string | undefined {
  const start = bytes.indexOf(Buffer.from('IKCFG_ST\x1f\x8b\x08', 'latin1'));
  if (start === -1) return undefined;
  const end = bytes.indexOf('IKCFG_ED', start);
  try {
    return gunzipSync(bytes.subarray(start + 8, end === -1 ? undefined : end), { maxOutputLength: limit }).toString();
  } catch {
    return undefined;
  }
}

/**
 * Where nothing in the image tells: Debian's kernels have zstd since 5.10, Raspberry Pi's since October 2024, which is 6.6.51 and
 * 6.12; gzip and xz are in all of them.
 */
export function fromRelease(release: string): SquashfsCompression[] {
  const [major = 0, minor = 0, patch = 0] = release.split(/[.+-]/, 3).map((part) => Number.parseInt(part, 10) || 0);
  const isPi = /rpi|rpt|[-+]v(6|7|7l|8)\+?(-|$)|\+$/.test(release);
  const order = major * 1_000_000 + minor * 1000 + patch;
  const hasZstd = isPi ? order >= 6_012_000 || (major === 6 && minor === 6 && patch >= 51) : order >= 5_010_000;
  return hasZstd ? ['zstd', 'gzip', 'xz'] : ['gzip', 'xz'];
}

async function readText(volume: Ext4Volume, path: string): Promise<string | undefined> {
  if ((await volume.stat(path))?.kind !== 'file') return undefined;
  return Buffer.from(await volume.readFile(path, limit)).toString('utf8');
}

/** What one kernel of an image can mount: its squashfs module, its configuration, or its version, whichever tells. */
export async function kernelCompressions(volume: Ext4Volume, release: string): Promise<KernelCompressions> {
  const module = await readModule(volume, release, 'squashfs');
  const ofModule = module === undefined ? [] : fromModule(module);
  if (ofModule.length > 0) return { release, can: ofModule, evidence: 'its squashfs module' };
  const folder = (await resolveModules(volume, release, [])).directory;
  for (const path of [`/boot/config-${release}`, `${folder}/config`, `${folder}/build/.config`]) {
    const text = await readText(volume, path);
    const can = text === undefined ? [] : fromConfiguration(text);
    if (can.length > 0) return { release, can, evidence: path };
  }
  const configs = await readModule(volume, release, 'configs');
  const embedded = configs === undefined ? undefined : embeddedConfiguration(configs);
  const can = embedded === undefined ? [] : fromConfiguration(embedded);
  if (can.length > 0) return { release, can, evidence: 'its configs module' };
  return { release, can: fromRelease(release), evidence: 'its version' };
}

/** The compression that all these kernels can mount. gzip when nothing can be learnt. */
export function chooseCompression(kernels: readonly KernelCompressions[]): CompressionChoice {
  const common = preference.find((each) => kernels.length > 0 && kernels.every(({ can }) => can.includes(each)));
  const known = kernels.map(({ release, can, evidence }) => `${release} mounts ${can.join(', ')} by ${evidence}`);
  if (common === undefined)
    return { compression: 'gzip', reason: ['no common compression is known', ...known].join('; ') };
  return { compression: common, reason: known.join('; ') };
}

/** The choice for an image: kernels whose modules cannot be read are left out, since they cannot be booted either. */
export async function rootCompression(volume: Ext4Volume, releases: readonly string[]): Promise<CompressionChoice> {
  const kernels: KernelCompressions[] = [];
  for (const release of releases) {
    try {
      kernels.push(await kernelCompressions(volume, release));
    } catch (fault) {
      if (!(fault instanceof ImageError)) throw fault;
    }
  }
  return chooseCompression(kernels);
}
