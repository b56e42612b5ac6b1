import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';

/** One file of the dashboard, with its compressed forms where the build made them. */
export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
  readonly compressed: ReadonlyMap<Encoding, Buffer>;
  readonly etag: string;
}

/** Codings of an answer (RFC 9110, section 8.4.1), the smaller first. */
const encodings = { br: '.br', gzip: '.gz' } as const;
export type Encoding = keyof typeof encodings;
export const encodingNames = Object.keys(encodings) as Encoding[];

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

/** Every file of the dashboard by its path from its folder (`assets/index-1a2b.js`). */
export type Assets = ReadonlyMap<string, Asset>;

const read = async (folder: string, path: string, all: ReadonlySet<string>): Promise<Asset> => {
  const bytes = await readFile(join(folder, path));
  const compressed = new Map<Encoding, Buffer>();
  for (const name of encodingNames) {
    const form = path + encodings[name];
    if (all.has(form)) compressed.set(name, await readFile(join(folder, form)));
  }
  const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { type: types[extname(path)] ?? 'application/octet-stream', bytes, compressed, etag };
};

/**
 * Reads the built dashboard into memory, a megabyte or two: what is asked for is looked up in a table, so no path leads out of the folder. undefined when it
 * was not built.
 */
export const readAssets = async (folder: string): Promise<Assets | undefined> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const all = new Set(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')),
  );
  if (!all.has('index.html')) return undefined;
  const compressedForms = new Set<string>(Object.values(encodings));
  const paths = [...all].filter((path) => !compressedForms.has(extname(path)));
  return new Map(await Promise.all(paths.map(async (path) => [path, await read(folder, path, all)] as const)));
};
