import type { BootTree, BootTreeFile, FileSource } from './boot-plan.js';
import type { Overlay } from './boot-render.js';

/**
 * A path as FAT would find it: lower case, `/` between folders. Undefined for what is no path below the boot partition: `..`, control characters,
 * anything longer than FAT allows.
 */
export function foldPath(path: string): string | undefined {
  if (path.length > 1024 || /\p{Cc}/u.test(path)) return undefined;
  const parts = path.split(/[/\\]+/).filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..')) return undefined;
  return parts.join('/').toLowerCase();
}

const indexes = new WeakMap<BootTree, ReadonlyMap<string, BootTreeFile>>();

function indexOf(tree: BootTree): ReadonlyMap<string, BootTreeFile> {
  const known = indexes.get(tree);
  if (known !== undefined) return known;
  const index = new Map(tree.files.map((file) => [file.path.toLowerCase(), file]));
  indexes.set(tree, index);
  return index;
}

/** A file of the image itself. `path` folded by {@link foldPath}. */
export const treeFile = (tree: BootTree, path: string): BootTreeFile | undefined => indexOf(tree).get(path);

const sources = new WeakMap<BootTreeFile, FileSource>();

/** Where the bytes of an image's file are: the same value for the same file. What its extents leave out, as in a sparse or cut file, is zero. */
export function sourceOf(tree: BootTree, file: BootTreeFile): FileSource {
  const known = sources.get(file);
  if (known !== undefined) return known;
  const blob = file.blob ?? tree.image;
  const segments = file.extents.map(([offset, length]) => ({ blob, offset, length }));
  const missing = file.size - segments.reduce((sum, { length }) => sum + length, 0);
  const source = {
    size: file.size,
    segments: missing > 0 ? [...segments, { zero: true as const, length: missing }] : segments,
  };
  sources.set(file, source);
  return source;
}

/** The file a board gets under this path: the session's own before the image's. Undefined: absent. */
export function resolveBootFile(tree: BootTree, overlay: Overlay, path: string): FileSource | undefined {
  const folded = foldPath(path);
  if (folded === undefined || overlay.hidden.has(folded)) return undefined;
  const rendered = overlay.files.get(folded);
  if (rendered !== undefined) return rendered;
  const file = treeFile(tree, folded);
  return file === undefined ? undefined : sourceOf(tree, file);
}

const folded = new WeakMap<BootTree, ReadonlyMap<string, string>>();

/** Text of a file of the boot partition, one character per byte, where the tree carries it. */
export function textOf(tree: BootTree, path: string): string | undefined {
  const known = folded.get(tree) ?? foldTexts(tree);
  folded.set(tree, known);
  const key = foldPath(path);
  return key === undefined ? undefined : known.get(key);
}

const foldTexts = (tree: BootTree): ReadonlyMap<string, string> =>
  new Map([
    ...(tree.config === null ? [] : [['config.txt', tree.config] as const]),
    ...(tree.cmdline === null ? [] : [['cmdline.txt', tree.cmdline] as const]),
    ...Object.entries(tree.texts ?? {}).map(([path, text]) => [path.toLowerCase(), text] as const),
  ]);

/** Largest text the firmware's settings may come from, in bytes. */
export const longestText = 64 * 1024;

/** Files whose text decides what is rendered; whoever loads a tree puts their bytes into `texts`, so that every byte survives. */
export const textFiles = (tree: BootTree): readonly BootTreeFile[] =>
  tree.files.filter((file) => file.size <= longestText && /\.txt$/i.test(file.path)).slice(0, 256);
