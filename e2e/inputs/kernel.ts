import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DebianArm, DebianPackage } from './debianArm.js';
import { run } from './run.js';

export interface DebianKernel {
  /** What `uname -r` says, e.g. `6.1.0-56-arm64`. */
  readonly release: string;
  readonly package: DebianPackage;
}

/** Folders of an unpacked kernel package. */
export interface KernelFiles {
  readonly release: string;
  /** The uncompressed arm64 `Image`, or a zImage on 32-bit. */
  readonly image: string;
  /** Folder that holds `lib/modules/<release>`. */
  readonly base: string;
  /** Folder of Broadcom device trees; it may be absent in flavours that are not for boards. */
  readonly deviceTrees: string;
}

/** The kernel a meta package (`linux-image-arm64`) stands for now. */
export async function resolveKernel(debian: DebianArm, metaPackage: string): Promise<DebianKernel> {
  const [meta] = await debian.show([metaPackage]);
  const name = meta?.depends.find((dependency) => /^linux-image-\d/.test(dependency));
  if (name === undefined) throw new Error(`${metaPackage} depends on no linux-image-<release>`);
  const [kernel] = await debian.show([name]);
  if (kernel === undefined) throw new Error(`no package ${name}`);
  return { release: name.replace('linux-image-', ''), package: kernel };
}

/** Unpacks a kernel package and completes it with `modules.dep`, which Debian makes only at installation. */
export async function unpackKernel(debian: DebianArm, kernel: DebianKernel, dir: string): Promise<KernelFiles> {
  await debian.unpack([kernel.package], dir);
  await run(['depmod', '-b', dir, kernel.release]);
  const trees = path.join(dir, `usr/lib/linux-image-${kernel.release}`);
  return {
    release: kernel.release,
    image: path.join(dir, `boot/vmlinuz-${kernel.release}`),
    base: dir,
    deviceTrees: existsSync(path.join(trees, 'broadcom')) ? path.join(trees, 'broadcom') : trees,
  };
}

const moduleName = (file: string): string =>
  path
    .basename(file)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');

interface ModuleIndex {
  /** Path below `lib/modules/<release>` by module name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Everything a module needs, transitively, by path. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  readonly builtin: ReadonlySet<string>;
}

async function readModuleIndex(files: KernelFiles): Promise<ModuleIndex> {
  const dir = path.join(files.base, 'lib/modules', files.release);
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const dep = lines(await readFile(path.join(dir, 'modules.dep'), 'utf8')).map((line) =>
    line.split(': ').map((part) => part.replace(/:$/, '')),
  );
  const builtin = lines(await readFile(path.join(dir, 'modules.builtin'), 'utf8'));
  return {
    paths: new Map(dep.map(([file = '']) => [moduleName(file), file])),
    needs: new Map(dep.map(([file = '', needs = '']) => [file, needs.split(' ').filter((need) => need !== '')])),
    builtin: new Set(builtin.map(moduleName)),
  };
}

/** Module files (paths below `lib/modules/<release>`) of these modules and everything they need. Names the kernel has built in are fine. */
function closure(index: ModuleIndex, names: readonly string[], release: string): Set<string> {
  const files = new Set<string>();
  for (const name of names.map(moduleName)) {
    const file = index.paths.get(name);
    if (file === undefined) {
      if (index.builtin.has(name)) continue;
      throw new Error(`kernel ${release} has no module ${name}`);
    }
    for (const needed of [file, ...(index.needs.get(file) ?? [])]) files.add(needed);
  }
  return files;
}

export interface ModuleChoice {
  /** Modules by name; what they need comes along. A name the kernel has neither as a module nor built in is an error. */
  readonly names?: readonly string[];
  /** Every module in these folders, e.g. `kernel/drivers/usb`; what they need comes along. */
  readonly folders?: readonly string[];
  /** Compress each module with xz, as Raspberry Pi OS does. */
  readonly xz?: boolean;
}

/** Copies the chosen modules into `<root>/lib/modules/<release>` (through a merged-usr link too) and runs depmod there. */
export async function installModules(files: KernelFiles, root: string, choice: ModuleChoice): Promise<void> {
  const from = path.join(files.base, 'lib/modules', files.release);
  const to = path.join(root, 'lib/modules', files.release);
  const index = await readModuleIndex(files);
  const inFolders = [...index.paths.values()].filter((file) =>
    (choice.folders ?? []).some((folder) => file.startsWith(`${folder}/`)),
  );
  const chosen = closure(index, [...(choice.names ?? []), ...inFolders], files.release);
  await mkdir(to, { recursive: true });
  for (const file of chosen) await cp(path.join(from, file), path.join(to, file));
  if (choice.xz === true) {
    const plain = [...chosen].map((file) => path.join(to, file));
    // What the kernel's own decompressor takes: CRC32 and a small dictionary.
    await run(['xz', '--check=crc32', '--lzma2=preset=6,dict=1MiB', '--threads=2', ...plain]);
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    await cp(path.join(from, name), path.join(to, name));
  }
  await run(['depmod', '-b', root, files.release]);
}

/**
 * Makes an unpacked tree's `bin`, `sbin` and `lib` parts of `usr`, so that copying it over a system with merged
 * `/usr` does not replace that system's links by folders.
 */
export async function mergeUsr(dir: string): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib']) {
    const from = path.join(dir, name);
    if (!existsSync(from)) continue;
    await mkdir(path.join(dir, 'usr', name), { recursive: true });
    for (const entry of await readdir(from)) {
      const target = path.join(dir, 'usr', name, entry);
      if (existsSync(target)) await run(['cp', '-a', `${path.join(from, entry)}/.`, target]);
      else await rename(path.join(from, entry), target);
    }
    await rm(from, { recursive: true });
  }
}
