import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { refusal, RefusedError } from '@drover/contract';

/** A file of a card, its path from the root of the boot partition or of a set. */
export interface CardFile {
  readonly path: string;
  readonly bytes: Buffer;
}

const broken = (what: string): RefusedError =>
  new RefusedError(
    refusal('image.broken', `The set of boot files cannot be used: ${what}.`, {
      remedy: 'Fetch it again; if that does not help, the server made it wrong.',
    }),
  );

const block = 512;

/** A name FAT can hold, and which is no way out of its folder. */
const isName = (name: string): boolean =>
  /^[!#$%&'()+,\-.0-9;=@A-Z[\]^_`a-z{}~ ]{1,255}$/.test(name) && !/[. ]$/.test(name);

/** Files that a board never changes: they are no part of a set. */
const isFirmware = (path: string): boolean =>
  /^(bootcode\.bin|(start|fixup)[^/]*\.(elf|dat)|boot\.sig|recovery\..*)$/i.test(path);

const textAt = (header: Buffer, at: number, length: number): string =>
  header
    .subarray(at, at + length)
    .toString('latin1')
    .replace(/\0.*$/s, '');

/** Files of a ustar archive. Throws image.broken for anything else, for links, and for names that are not plainly below it. */
function readTar(tar: Buffer): CardFile[] {
  const files: CardFile[] = [];
  for (let at = 0; at + block <= tar.length;) {
    const header = tar.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return files;
    const digits = textAt(header, 124, 12).trim();
    if (textAt(header, 257, 5) !== 'ustar' || !/^[0-7]{1,11}$/.test(digits)) throw broken('it is no ustar archive');
    const size = Number.parseInt(digits, 8);
    const [prefix, name] = [textAt(header, 345, 155), textAt(header, 0, 100)];
    const path = (prefix === '' ? name : `${prefix}/${name}`).replace(/\/$/, '');
    if (!path.split('/').every(isName)) throw broken(`${JSON.stringify(path)} is no name for a file of a card`);
    const type = textAt(header, 156, 1);
    if (type !== '' && type !== '0' && type !== '5') throw broken(`${path} is neither a file nor a folder`);
    const bytes = tar.subarray(at + block, at + block + size);
    if (bytes.length !== size) throw broken(`it ends within ${path}`);
    if (type !== '5') files.push({ path, bytes });
    at += block + Math.ceil(size / block) * block;
  }
  throw broken('it has no end');
}

/** Files of a card as the server gives them out (`card.tgz`), for what of them is firmware. Throws image.broken. */
export function readCardArchive(archive: Buffer): CardFile[] {
  try {
    return readTar(gunzipSync(archive));
  } catch (error) {
    if (error instanceof RefusedError) throw error;
    throw broken('the files of the card are no tar.gz');
  }
}

const sumsName = 'SHA256SUMS';

/** What the list says, by path. */
function readSums(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, digest, path] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
    if (digest === undefined || path === undefined) throw broken(`${sumsName} has a line that is none of sha256sum's`);
    sums.set(path, digest);
  }
  return sums;
}

/** Throws image.broken unless the list names each file, no other, and their digests are right. */
function requireSums(files: readonly CardFile[], sums: ReadonlyMap<string, string>): void {
  for (const { path, bytes } of files)
    if (sums.get(path) !== createHash('sha256').update(bytes).digest('hex'))
      throw broken(`${path} is not what ${sumsName} says`);
  const missing = [...sums.keys()].find((path) => files.every((file) => file.path !== path));
  if (missing !== undefined) throw broken(`${missing} is missing`);
}

/** Files without which no board starts. */
const needed = ['cmdline.txt', 'config.txt', 'drover.img'];

/** Reads the archive of a set, and its files with their digests. The list of them is the last. Throws image.broken. */
export function readBootSet(archive: Buffer): CardFile[] {
  const all = readTar(archive);
  const list = all.at(-1);
  if (list?.path !== sumsName) throw broken(`${sumsName} is not its last file`);
  const files = all.slice(0, -1);
  const names = all.map(({ path }) => path.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw broken(`${twice} is in it twice, or in two spellings`);
  const firmware = files.find(({ path }) => isFirmware(path));
  if (firmware !== undefined) throw broken(`${firmware.path} is firmware, which no set brings`);
  const missing = needed.find((name) => !names.includes(name));
  if (missing !== undefined) throw broken(`${missing} is missing`);
  if (!names.some((name) => /^kernel[^/]*\.img$|^vmlinuz/.test(name))) throw broken('it has no kernel');
  requireSums(files, readSums(list.bytes.toString('utf8')));
  return all;
}

/** Of the files of a boot partition those that the board's own firmware starts with. */
export const firmwareOf = (files: readonly CardFile[]): CardFile[] =>
  files.filter(({ path }) => /^(bootcode\.bin|(start|fixup)[^/]*\.(elf|dat))$/i.test(path));
