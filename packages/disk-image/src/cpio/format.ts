import { ImageError } from '../errors.js';

/** Marks of the "new ASCII" format, without and with a checksum (Linux, driver-api/early-userspace/buffer-format). */
export const newcMagic = '070701';
export const newcCrcMagic = '070702';
export const headerLength = 110;
export const trailerName = 'TRAILER!!!';

export const typeBits = {
  fifo: 0x1000,
  char: 0x2000,
  directory: 0x4000,
  block: 0x6000,
  file: 0x8000,
  symlink: 0xa000,
  socket: 0xc000,
} as const;

export const align4 = (length: number): number => Math.ceil(length / 4) * 4;

/** Throws `image.cpio.entry` for a path that is absolute, empty, or leaves the archive. */
export function requireCpioPath(path: string): void {
  const parts = path.split('/');
  const safe = !path.includes('\0') && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (safe && path !== trailerName && path.length < 4096) return;
  throw new ImageError('image.cpio.entry', `${JSON.stringify(path)} cannot be a path in an initramfs`, {
    remedy: 'Use a relative path without empty, "." and ".." parts.',
  });
}
