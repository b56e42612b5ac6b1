import { configFiles, possibleValues, type ConfigLine } from './boot-config.js';
import type { BootTree } from './boot-plan.js';
import { readerOf, type ConfigFiles } from './boot-kernels.js';
import { foldPath, textOf } from './boot-tree.js';

/**
 * An image's boot files as they can lie in any folder of a card: the folder is the firmware's `os_prefix`, so there can be no other one, and `include`, which
 * knows no prefix, leads nowhere.
 */

/** A card's board may be any. */
const anyBoard = readerOf('other', null);

/** The one prefix that the image's files lie below; `several` where it depends on the board. */
function prefixOf(config: ConfigFiles): string | { readonly several: readonly string[] } {
  const { certain, possible } = possibleValues(config, 'os_prefix', anyBoard);
  if (possible.length === 0) return '';
  if (certain === undefined || possible.length > 1) return { several: possible };
  return certain.replace(/^\/+/, '');
}

const isBelow = (path: string, prefix: string): boolean => path.toLowerCase().startsWith(prefix.toLowerCase());

/** Sets the filters of a line, whatever those of the line before were. */
const sectionOf = (filters: readonly string[]): string => ['all', ...filters].map((each) => `[${each}]\n`).join('');

/** Both must hold; undefined where they cannot: two models, say. Filters are names of one type each as {@link ConfigLine} has them. */
function both(outer: readonly string[], inner: ConfigLine, typeOf: (filter: string) => string): string[] | undefined {
  const added = inner.filters.filter((filter) => !outer.includes(filter));
  const clash = added.some((filter) => outer.some((each) => typeOf(each) === typeOf(filter)));
  return clash ? undefined : [...outer, ...added];
}

const model = (filter: string): string => (/^(pi|cm)[0-9]/.test(filter) ? 'model' : filter);

interface FlatLine {
  readonly raw: string;
  readonly filters: readonly string[];
}

/** Settings of a file and of what it includes, each where it is read, with the filters it stands below. */
function flatLines(files: ConfigFiles, path: string, outer: readonly string[], depth: number): FlatLine[] {
  return (files.get(path) ?? []).flatMap((line): FlatLine[] => {
    const filters = both(outer, line, model);
    if (filters === undefined || line.key === '' || line.key === 'os_prefix') return [];
    if (line.key === 'include') return depth === 0 ? [] : flatLines(files, line.value, filters, depth - 1);
    return [{ raw: line.raw, filters }];
  });
}

/** As deep as {@link configFiles} follows them. */
const deepestInclude = 4;

function flatConfig(files: ConfigFiles): string {
  const lines = files.get('config.txt') ?? [];
  // Without others it stays as it was written.
  if (!lines.some(({ key }) => key === 'include'))
    return lines
      .filter(({ key }) => key !== 'os_prefix')
      .map(({ raw }) => raw)
      .join('');
  let section = sectionOf([]);
  return flatLines(files, 'config.txt', [], deepestInclude)
    .map(({ raw, filters }) => {
      const own = sectionOf(filters);
      const head = own === section ? '' : own;
      section = own;
      return `${head}${raw.replace(/\r?\n?$/, '')}\n`;
    })
    .join('');
}

export type FlatBootTree =
  | { readonly ok: true; readonly tree: BootTree }
  /** Why there is no such thing. */
  | { readonly ok: false; readonly reason: string };

export function flatBootTree(tree: BootTree): FlatBootTree {
  const config = configFiles((path) => textOf(tree, path));
  const prefix = prefixOf(config);
  if (typeof prefix !== 'string')
    return { ok: false, reason: `its config.txt has more than one os_prefix: ${prefix.several.join(', ')}` };
  const moved = (path: string): string => path.slice(prefix.length);
  const below = new Set(
    tree.files.filter(({ path }) => isBelow(path, prefix)).map(({ path }) => foldPath(moved(path))),
  );
  const included = new Set([...config.keys()].map(foldPath));
  const stays = (path: string): boolean => !below.has(foldPath(path)) && !included.has(foldPath(path));
  const place = (path: string): string | undefined =>
    isBelow(path, prefix) ? (included.has(foldPath(path)) ? undefined : moved(path)) : stays(path) ? path : undefined;
  const relocated = <T>(items: readonly T[], pathOf: (item: T) => string, at: (item: T, path: string) => T): T[] =>
    items.flatMap((item) => {
      const path = place(pathOf(item));
      return path === undefined || path === '' ? [] : [at(item, path)];
    });
  const texts = Object.entries(tree.texts ?? {});
  return {
    ok: true,
    tree: {
      version: 1,
      image: tree.image,
      files: relocated(
        tree.files,
        (file) => file.path,
        (file, path) => ({ ...file, blob: file.blob ?? tree.image, path }),
      ),
      config: flatConfig(config),
      cmdline: textOf(tree, `${prefix}cmdline.txt`) ?? tree.cmdline,
      texts: Object.fromEntries(
        relocated(
          texts,
          ([path]) => path,
          ([, text], path) => [path, text],
        ),
      ),
      kernels: relocated(
        tree.kernels,
        (kernel) => kernel.file,
        (kernel, file) => ({ ...kernel, file }),
      ),
    },
  };
}
