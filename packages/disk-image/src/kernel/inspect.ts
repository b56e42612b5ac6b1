import { bufferOf, viewOf } from '../bytes.js';
import { detectCompression } from '../compression/container.js';
import { decompress } from '../compression/decompress.js';
import { ImageError } from '../errors.js';
import type { KernelFacts } from './types.js';

/** Decompressed kernels are some 30 MiB; this leaves room for debug builds. */
const kernelLimit = 128 * 1024 * 1024;
/** Marks of compressed data may also stand in a decompressor's code: so many places are tried. */
const maxPayloadAttempts = 6;

/** Linux, Documentation/arch/arm64/booting.rst: magic "ARM\x64" at 56, flags at 24. */
const arm64 = { magicAt: 56, magic: 0x644d5241, flagsAt: 24, headerLength: 64 } as const;
/** Linux, arch/arm/boot/compressed/head.S. */
const zImage = { magicAt: 36, magic: 0x016f2818, headerLength: 48 } as const;
/** Linux, drivers/firmware/efi/libstub/zboot-header.S: "MZ", then "zimg", place and length of the payload. */
const zboot = { mark: 'zimg', payloadAt: 8, lengthAt: 12, headerLength: 64 } as const;

const pageSizes = { 1: 4096, 2: 16384, 3: 65536 } as const;

/** Starts of compressed data as they stand in a zImage: gzip, xz, zstd. */
const payloadMarks = ['1f8b08', 'fd377a585a00', '28b52ffd'].map((mark) => Buffer.from(mark, 'hex'));

/** The release in the banner every kernel holds, as `uname -r` gives it. */
function findRelease(bytes: Uint8Array): string | undefined {
  const buffer = bufferOf(bytes);
  const banner = 'Linux version ';
  for (let at = buffer.indexOf(banner); at !== -1; at = buffer.indexOf(banner, at + 1)) {
    const text = buffer.toString('latin1', at + banner.length, at + banner.length + 128);
    const release = /^(\d+\.[\w.+~-]{1,80}) /u.exec(text)?.[1];
    if (release !== undefined) return release;
  }
  return undefined;
}

const withRelease = (release: string | undefined): { release?: string } => (release === undefined ? {} : { release });

async function decompressed(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await decompress(bytes, { limit: kernelLimit, ignoreTrailing: true });
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/** Finds the kernel inside a self-extracting one by the marks of compressed data. */
async function findPackedRelease(bytes: Uint8Array): Promise<string | undefined> {
  const buffer = bufferOf(bytes);
  let attempts = 0;
  for (const mark of payloadMarks) {
    for (let at = buffer.indexOf(mark); at !== -1; at = buffer.indexOf(mark, at + 1)) {
      if (++attempts > maxPayloadAttempts) return undefined;
      const inner = await decompressed(bytes.subarray(at));
      const release = inner === undefined ? undefined : findRelease(inner);
      if (release !== undefined) return release;
    }
  }
  return undefined;
}

function inspectArm64(bytes: Uint8Array): Omit<KernelFacts, 'gzip'> {
  const code = (viewOf(bytes).getUint32(arm64.flagsAt, true) >>> 1) & 3;
  const pageSize = code === 0 ? undefined : pageSizes[code as keyof typeof pageSizes];
  return {
    format: 'arm64-image',
    architecture: 'arm64',
    ...withRelease(findRelease(bytes)),
    ...(pageSize === undefined ? {} : { pageSize }),
  };
}

async function inspectZboot(bytes: Uint8Array): Promise<Omit<KernelFacts, 'gzip'>> {
  const view = viewOf(bytes);
  const start = view.getUint32(zboot.payloadAt, true);
  const payload = bytes.subarray(start, start + view.getUint32(zboot.lengthAt, true));
  const inner = payload.length === 0 ? undefined : await decompressed(payload);
  if (inner === undefined || !isArm64(inner)) return { format: 'efi-zboot' };
  return { ...inspectArm64(inner), format: 'efi-zboot' };
}

const isArm64 = (bytes: Uint8Array): boolean =>
  bytes.length >= arm64.headerLength && viewOf(bytes).getUint32(arm64.magicAt, true) === arm64.magic;

const isZImage = (bytes: Uint8Array): boolean =>
  bytes.length >= zImage.headerLength && viewOf(bytes).getUint32(zImage.magicAt, true) === zImage.magic;

const isZboot = (bytes: Uint8Array): boolean =>
  bytes.length >= zboot.headerLength &&
  bufferOf(bytes).toString('latin1', 0, 2) === 'MZ' &&
  bufferOf(bytes).toString('latin1', 4, 8) === zboot.mark;

async function inspectPlain(bytes: Uint8Array): Promise<Omit<KernelFacts, 'gzip'>> {
  if (isZboot(bytes)) return inspectZboot(bytes);
  if (isArm64(bytes)) return inspectArm64(bytes);
  if (!isZImage(bytes)) return { format: 'unknown', ...withRelease(findRelease(bytes)) };
  const release = findRelease(bytes) ?? (await findPackedRelease(bytes));
  return { format: 'arm-zimage', architecture: 'arm', ...withRelease(release) };
}

/**
 * What a kernel file is: its format, architecture, release and page size. Looks through gzip around it and into
 * gzip, xz and zstd inside it. Never throws for odd bytes: what is no kernel has the format `unknown`.
 */
export async function inspectKernel(bytes: Uint8Array): Promise<KernelFacts> {
  if (detectCompression(bytes) !== 'gzip') return { ...(await inspectPlain(bytes)), gzip: false };
  const inner = await decompressed(bytes);
  if (inner === undefined) return { format: 'unknown', gzip: true };
  return { ...(await inspectPlain(inner)), gzip: true };
}
