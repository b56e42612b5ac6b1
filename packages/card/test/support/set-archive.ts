import { createHash } from 'node:crypto';

/** A ustar archive written by hand from its page in POSIX (pax, "ustar Interchange Format"). */
export function tarOf(files: readonly (readonly [path: string, bytes: Buffer | string, type?: string])[]): Buffer {
  const blocks = files.flatMap(([path, content, type = '0']) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    header.write(path, 0, 'latin1');
    header.write('0000644\0', 100);
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(`        ${type}`, 148);
    header.write('ustar\x0000', 257);
    header.write(
      `${[...header]
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export const sumsOf = (files: Readonly<Record<string, Buffer | string>>): string =>
  Object.entries(files)
    .map(([path, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${path}\n`)
    .join('');

/** The archive of a set, with its list. */
export const setOf = (files: Readonly<Record<string, Buffer | string>>): Buffer =>
  tarOf([...Object.entries(files), ['SHA256SUMS', sumsOf(files)]]);
