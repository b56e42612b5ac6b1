/** Headers of a ustar archive (POSIX.1-1988). */
const block = 512;
const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

/** A long path in two: what is before the last slash that leaves both parts room. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } | undefined {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' };
  for (let at = path.indexOf('/'); at > 0; at = path.indexOf('/', at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (name !== '' && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { name, prefix };
  }
  return undefined;
}

/** Whether a header has room for this path. */
export const fitsTar = (path: string): boolean => splitPath(path) !== undefined;

export interface HeaderFields {
  readonly mode: number;
  readonly size: number;
  readonly time?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Header of a file, or of a folder where the path ends in a slash. Owned by root unless told otherwise; `time` in seconds, 0: the same content is the same archive. */
export function tarHeader(path: string, { mode, size, time = 0, uid = 0, gid = 0 }: HeaderFields): Buffer {
  const split = splitPath(path);
  if (split === undefined) throw new Error(`the path ${path} is too long for this archive`);
  const { name, prefix } = split;
  const bytes = Buffer.alloc(block);
  bytes.write(name, 0);
  bytes.write(octal(mode, 7), 100);
  bytes.write(octal(uid, 7), 108);
  bytes.write(octal(gid, 7), 116);
  bytes.write(octal(size, 11), 124);
  bytes.write(octal(time, 11), 136);
  bytes.write('        ', 148);
  bytes.write(path.endsWith('/') ? '5' : '0', 156);
  bytes.write('ustar\0' + '00', 257);
  // A name goes before a number: one is known of root alone.
  if (uid === 0) bytes.write('root', 265);
  if (gid === 0) bytes.write('root', 297);
  bytes.write(prefix, 345);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

/** What follows the bytes of a file. */
export const tarPadding = (size: number): Buffer => Buffer.alloc(-size & (block - 1));

export const tarEnd = Buffer.alloc(2 * block);
