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

interface Dependencies {
  /** By module name: its file, and the files it needs, both below the folder. */
  byName: Map<string, { file: string; needs: string[] }>;
}

/** Lines of modules.dep: `kernel/a.ko.xz: kernel/b.ko.xz kernel/c.ko.xz`. */
function parseDependencies(text: string): Dependencies {
  const byName: Dependencies['byName'] = new Map();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const file = requireInside(line.slice(0, colon).trim());
    const needs = line
      .slice(colon + 1)
      .split(' ')
      .filter((part) => part !== '');
    byName.set(moduleName(file), { file, needs });
  }
  return { byName };
}

function requireInside(file: string): string {
  const parts = file.split('/');
  if (parts.every((part) => part !== '' && part !== '..' && part !== '.') && !file.includes('\0')) return file;
  throw new ImageError('image.modules.corrupt', `modules.dep names ${JSON.stringify(file)}, outside its folder`);
}

async function readList(volume: Ext4Volume, path: string): Promise<string> {
  if ((await volume.stat(path))?.kind !== 'file') return '';
  return Buffer.from(await volume.readFile(path, listLimit)).toString('utf8');
}

/** Goes through dependencies so that what is needed comes first. Each module is visited once, so loops end. */
function inLoadOrder({ byName }: Dependencies, wanted: readonly string[]): string[] {
  const ordered: string[] = [];
  const visited = new Set<string>();
  const stack = wanted.map((name) => ({ name, ready: false })).reverse();
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const module = byName.get(next.name);
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
    stack.push({ name: next.name, ready: true });
    for (const need of [...module.needs].reverse()) stack.push({ name: moduleName(need), ready: false });
  }
  return ordered;
}

/**
 * Files of the wanted modules with all they need, in the order insmod needs, from the root's own modules.dep.
 * Names may be written with `-` or `_`. Throws `image.modules.no-dependency-list`, `image.modules.corrupt`.
 */
export async function resolveModules(
  volume: Ext4Volume,
  release: string,
  wanted: readonly string[],
): Promise<ResolvedModules> {
  const directory = await findFolder(volume, release);
  const dependencies = parseDependencies(await readList(volume, `${directory}/modules.dep`));
  const builtinList = await readList(volume, `${directory}/modules.builtin`);
  const builtinNames = new Set(
    builtinList
      .split('\n')
      .filter((line) => line !== '')
      .map(moduleName),
  );
  const names = [...new Set(wanted.map(moduleName))];
  const isFile = (name: string): boolean => dependencies.byName.has(name);
  const files = inLoadOrder(dependencies, names.filter(isFile)).map((file): ModuleFile => ({
    name: moduleName(file),
    path: `${directory}/${file}`,
    relativePath: file,
  }));
  return {
    release,
    directory,
    files,
    builtin: names.filter((name) => !isFile(name) && builtinNames.has(name)),
    missing: names.filter((name) => !isFile(name) && !builtinNames.has(name)),
  };
}
