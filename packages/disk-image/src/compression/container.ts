import { bufferOf } from '../bytes.js';

export type ContainerFormat = 'img' | 'gz' | 'xz' | 'zst' | 'zip' | 'bz2' | 'unknown';
export type Compression = 'gzip' | 'xz' | 'zstd' | 'lz4' | 'bzip2' | 'lzma' | 'none';

/** First bytes of each format, in hexadecimal. */
const magics: [string, Compression | 'zip'][] = [
  ['1f8b08', 'gzip'],
  ['fd377a585a00', 'xz'],
  ['28b52ffd', 'zstd'],
  ['04224d18', 'lz4'],
  ['02214c18', 'lz4'],
  ['425a68', 'bzip2'],
  ['5d0000', 'lzma'],
  ['504b0304', 'zip'],
];

const containers: Partial<Record<Compression | 'zip', ContainerFormat>> = {
  gzip: 'gz',
  xz: 'xz',
  zstd: 'zst',
  bzip2: 'bz2',
  zip: 'zip',
};

function magicOf(head: Uint8Array): Compression | 'zip' | undefined {
  const start = bufferOf(head.subarray(0, 8)).toString('hex');
  return magics.find(([magic]) => start.startsWith(magic))?.[1];
}

/** What a small file is compressed with, judged by its first bytes. */
export function detectCompression(head: Uint8Array): Compression {
  const found = magicOf(head);
  return found === undefined || found === 'zip' ? 'none' : found;
}

/**
 * What an uploaded image is wrapped in, judged by its first 512 bytes or more. `img` is a disk with a boot
 * record in its first sector.
 */
export function detectContainer(head: Uint8Array): ContainerFormat {
  const found = magicOf(head);
  if (found !== undefined) return containers[found] ?? 'unknown';
  return head.length >= 512 && head[510] === 0x55 && head[511] === 0xaa ? 'img' : 'unknown';
}
