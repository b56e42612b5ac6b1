import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecipeFile } from '../recipe/schema.js';
import { digestOf, type PlacedFile } from './layers.js';

const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** Where the bytes of a file are. */
export type FileBytes = { readonly text: string } | { readonly path: string };

/** Files of recipes by what is in them. */
export interface Content {
  placed(file: RecipeFile, folder: string): Promise<PlacedFile[]>;
  /** Text of a file beside a recipe. */
  text(path: string): Promise<string>;
  /** Of all files of a folder: their paths, whether they can be executed, what is in them. */
  folder(path: string): Promise<string>;
  bytesOf(sha256: string): FileBytes;
}

const programMode = '0755';
const fileMode = '0644';

export function createContent(): Content {
  const known = new Map<string, FileBytes>();
  const folders = new Map<string, Promise<string>>();
  const remember = (bytes: Uint8Array | string, where: FileBytes): string => {
    const digest = sha256(bytes);
    known.set(digest, where);
    return digest;
  };

  /** What a path beside the recipe becomes: a file, a link as it is, or a folder with all in it. */
  async function copied(from: string, path: string, rest: Omit<RecipeFile, 'path'>): Promise<PlacedFile[]> {
    const owned = { path, owner: rest.owner, group: rest.group ?? rest.owner };
    const stat = await lstat(from);
    if (stat.isSymbolicLink()) return [{ ...owned, kind: 'link', target: await readlink(from) }];
    if (stat.isDirectory()) {
      const names = (await readdir(from)).sort();
      const below = await Promise.all(
        names.map((name) => copied(join(from, name), `${path}/${name}`, { ...rest, mode: undefined })),
      );
      return [{ ...owned, kind: 'folder', mode: rest.mode ?? programMode }, ...below.flat()];
    }
    const mode = rest.mode ?? ((stat.mode & 0o100) === 0 ? fileMode : programMode);
    return [{ ...owned, kind: 'file', mode, sha256: remember(await readFile(from), { path: from }) }];
  }

  async function digestFolder(path: string): Promise<string> {
    const found: unknown[] = [];
    for (const name of (await readdir(path)).sort()) {
      // What a version control keeps of its own is not the recipe's.
      if (name === '.git') continue;
      const from = join(path, name);
      const stat = await lstat(from);
      if (stat.isSymbolicLink()) found.push([name, 'link', await readlink(from)]);
      else if (stat.isDirectory()) found.push([name, 'folder', await digestFolder(from)]);
      else if (stat.isFile()) found.push([name, (stat.mode & 0o100) !== 0, sha256(await readFile(from))]);
    }
    return digestOf(found);
  }

  return {
    placed: async (file, folder) => {
      const { path, owner, group = owner, mode, content, source, link } = file;
      if (link !== undefined) return [{ kind: 'link', path, owner, group, target: link }];
      if (source !== undefined) return copied(join(folder, source), path, file);
      const text = content ?? '';
      const byItself = text.startsWith('#!') ? programMode : fileMode;
      return [{ kind: 'file', path, owner, group, mode: mode ?? byItself, sha256: remember(text, { text }) }];
    },
    text: (path) => readFile(path, 'utf8'),
    folder: (path) => {
      const made = folders.get(path) ?? digestFolder(path);
      folders.set(path, made);
      return made;
    },
    bytesOf: (digest) => {
      const found = known.get(digest);
      if (found === undefined) throw new Error(`no file of a recipe has sha256 ${digest}`);
      return found;
    },
  };
}
