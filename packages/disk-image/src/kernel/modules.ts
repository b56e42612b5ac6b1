import { ImageError } from '../errors.js';
import type { Ext4Volume } from '../ext4/types.js';
import type { ModuleFile, ResolvedModules } from './types.js';

const moduleFolders = ['/lib/modules', '/usr/lib/modules'];
const listLimit = 16 * 1024 * 1024;
const maxReleaseLength = 128;

/** A module's name as the kernel has it: no folder, no suffix, `_` for `-`. */
export function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file.replace(/\.ko(\.(gz|xz|zst))?$/u, '').replaceAll('-', '_');
}

/** Kernel releases that have a modules folder in this root, sorted. */
export async function listKernelModules(volume: Ext4Volume): Promise<string[]> {
  const releases = new Set<string>();
  for (const folder of moduleFolders) {
    if ((await volume.stat(folder))?.kind !== 'directory') continue;
    for (const { name } of await volume.readdir(folder)) {
      if ((await volume.stat(`${folder}/${name}/modules.dep`))?.kind === 'file') releases.add(name);
    }
  }
  return [...releases].sort();
}

async function findFolder(volume: Ext4Volume, release: string): Promise<string> {
  const nameable = release !== '' && release.length <= maxReleaseLength && !/[/\0]|^\.+$/u.test(release);
  for (const folder of nameable ? moduleFolders : []) {
    const path = `${folder}/${release}`;
    if ((await volume.stat(`${path}/modules.dep`))?.kind === 'file') return path;
  }
  throw new ImageError('image.modules.no-dependency-list', `The root has no modules.dep for kernel ${release}`, {
    remedy: 'Run depmod for this kernel in the image, or install its modules package.',
  });
}

/** What the lists of one kernel say, by normalised module name. */
interface ModuleLists {
  /** Its file, and the files it needs, both below the folder. */
  files: ReadonlyMap<string, { file: string; needs: readonly string[] }>;
  /** What should be loaded before and after it, if it is there: names or aliases. */
  soft: ReadonlyMap<string, { before: readonly string[]; after: readonly string[] }>;
  /** Other names of modules, without those that are patterns. */
  aliases: ReadonlyMap<string, string>;
  builtin: ReadonlySet<string>;
}

/** Lines of modules.dep: `kernel/a.ko.xz: kernel/b.ko.xz kernel/c.ko.xz`. */
function parseDependencies(text: string): ModuleLists['files'] {
  const files = new Map<string, { file: string; needs: string[] }>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const file = requireInside(line.slice(0, colon).trim());
    files.set(moduleName(file), { file, needs: words(line.slice(colon + 1)) });
  }
  return files;
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

function requireInside(file: string): string {
  const parts = file.split('/');
  if (parts.every((part) => part !== '' && part !== '..' && part !== '.') && !file.includes('\0')) return file;
  throw new ImageError('image.modules.corrupt', `modules.dep names ${JSON.stringify(file)}, outside its folder`);
}

/** Lines of modules.softdep: `softdep genet pre: mdio-bcm-unimac post: other`. */
function parseSoftDependencies(text: string): ModuleLists['soft'] {
  const soft = new Map<string, { before: string[]; after: string[] }>();
  for (const line of text.split('\n')) {
    const [keyword, name, ...rest] = words(line);
    if (keyword !== 'softdep' || name === undefined) continue;
    const known = soft.get(moduleName(name)) ?? { before: [], after: [] };
    soft.set(moduleName(name), known);
    let into = known.before;
    for (const word of rest) {
      if (word === 'pre:') into = known.before;
      else if (word === 'post:') into = known.after;
      else into.push(word);
    }
  }
  return soft;
}

/** Lines of modules.alias: `alias crypto-crc32c crc32c_generic`. */
function parseAliases(text: string): ModuleLists['aliases'] {
  const aliases = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [keyword, alias, name] = words(line);
    if (keyword !== 'alias' || alias === undefined || name === undefined || /[*?[]/u.test(alias)) continue;
    aliases.set(moduleName(alias), moduleName(name));
  }
  return aliases;
}

async function readList(volume: Ext4Volume, path: string): Promise<string> {
  if ((await volume.stat(path))?.kind !== 'file') return '';
  return Buffer.from(await volume.readFile(path, listLimit)).toString('utf8');
}

async function readLists(volume: Ext4Volume, directory: string): Promise<ModuleLists> {
  const read = (name: string): Promise<string> => readList(volume, `${directory}/modules.${name}`);
  const builtin = words((await read('builtin')).replaceAll('\n', ' ')).map(moduleName);
  return {
    files: parseDependencies(await read('dep')),
    soft: parseSoftDependencies(await read('softdep')),
    aliases: parseAliases(await read('alias')),
    builtin: new Set(builtin),
  };
}

/** The module a name or alias stands for, when it has a file. */
function findModule(lists: ModuleLists, nameOrAlias: string): string | undefined {
  const name = moduleName(nameOrAlias);
  if (lists.files.has(name)) return name;
  const target = lists.aliases.get(name);
  return target !== undefined && lists.files.has(target) ? target : undefined;
}

/** Modules to load before this one: those it asks for, then those it cannot do without. */
function neededBefore(lists: ModuleLists, name: string): string[] {
  const soft = (lists.soft.get(name)?.before ?? []).flatMap((wish) => findModule(lists, wish) ?? []);
  return [...soft, ...(lists.files.get(name)?.needs ?? []).map(moduleName)];
}

/** Goes through dependencies so that what is needed comes first. Each module is visited once, so loops end. */
function inLoadOrder(lists: ModuleLists, wanted: readonly string[]): string[] {
  const ordered: string[] = [];
  const visited = new Set<string>();
  const stack = [...wanted].reverse().map((name) => ({ name, ready: false }));
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const module = lists.files.get(next.name);
    if (module === undefined) {
      throw new ImageError('image.modules.corrupt', `modules.dep needs ${next.name}, but does not list it`, {
        remedy: 'Run depmod for this kernel in the image.',
      });
    }
    if (next.ready) {
      ordered.push(module.file);
      continue;
    }
    if (visited.has(next.name)) continue;
    visited.add(next.name);
    for (const wish of lists.soft.get(next.name)?.after ?? []) {
      const name = findModule(lists, wish);
      if (name !== undefined) stack.push({ name, ready: false });
    }
    stack.push({ name: next.name, ready: true });
    for (const name of neededBefore(lists, next.name).reverse()) stack.push({ name, ready: false });
  }
  return ordered;
}

/**
 * Files of the wanted modules with all they need, in the order insmod needs, from the root's own lists: modules.dep,
 * modules.softdep, modules.alias and modules.builtin. Names may be written with `-` or `_`, and be aliases. Throws
 * `image.modules.no-dependency-list`, `image.modules.corrupt`.
 */
export async function resolveModules(
  volume: Ext4Volume,
  release: string,
  wanted: readonly string[],
): Promise<ResolvedModules> {
  const directory = await findFolder(volume, release);
  const lists = await readLists(volume, directory);
  const names = [...new Set(wanted.map(moduleName))];
  const isBuiltin = (name: string): boolean =>
    lists.builtin.has(name) || lists.builtin.has(lists.aliases.get(name) ?? '');
  const unlisted = names.filter((name) => findModule(lists, name) === undefined);
  const found = names.flatMap((name) => findModule(lists, name) ?? []);
  return {
    release,
    directory,
    files: inLoadOrder(lists, found).map((file): ModuleFile => ({
      name: moduleName(file),
      path: `${directory}/${file}`,
      relativePath: file,
    })),
    builtin: unlisted.filter(isBuiltin),
    missing: unlisted.filter((name) => !isBuiltin(name)),
  };
}
