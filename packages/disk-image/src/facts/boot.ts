import type { FatEntry, FatVolume } from '../fat/types.js';
import { inspectKernel } from '../kernel/inspect.js';
import { includedFiles, settingsFor } from './config-txt.js';
import { piModels, type BootFacts, type BootKernel } from './types.js';

const textLimit = 64 * 1024;
const kernelLimit = 64 * 1024 * 1024;
const maxKernels = 24;
const maxIncludes = 8;

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const depth = (path: string): number => path.split('/').length;

const isKernelName = (name: string): boolean =>
  /^(kernel.*\.img|vmlinu[xz].*|image|image\.gz|zimage)$/iu.test(name) && !/\.(sig|md5|sha\d+|old|bak)$/iu.test(name);
const isInitramfsName = (name: string): boolean => /^(initramfs|initrd)/iu.test(name);
const isFirmware = (path: string): boolean =>
  /^(bootcode\w*\.bin|start\w*\.elf|fixup\w*\.dat|recovery\w*\.(bin|elf))$/iu.test(path);
const isDeviceTree = (path: string): boolean => /\.dtb$/iu.test(path) && !/(^|\/)overlays\//iu.test(path);

/** A boot partition as read: its facts, and its config.txt with everything it includes. */
export interface BootPartition {
  facts: BootFacts;
  /** Paths of all files in lower case. */
  files: ReadonlySet<string>;
  config: string;
}

/** Whether a FAT volume holds what a Pi's firmware looks for. */
export async function isBoot(volume: FatVolume): Promise<boolean> {
  const entries = await volume.entries();
  return entries.some(
    ({ kind, path }) =>
      kind === 'file' && (isFirmware(path) || isKernelName(path) || path.toLowerCase() === 'config.txt'),
  );
}

async function readText(volume: FatVolume, path: string): Promise<string | undefined> {
  if ((await volume.stat(path))?.kind !== 'file') return undefined;
  return Buffer.from(await volume.readFile(path, textLimit)).toString('utf8');
}

/** config.txt with included files put behind it; their order hardly matters for what is asked here. */
async function readConfig(volume: FatVolume, configTxt: string): Promise<string> {
  const seen = new Set(['config.txt']);
  const texts = [configTxt];
  const pending = includedFiles(configTxt);
  for (let file = pending.shift(); file !== undefined && seen.size <= maxIncludes; file = pending.shift()) {
    if (seen.has(file.toLowerCase())) continue;
    seen.add(file.toLowerCase());
    const text = await readText(volume, file);
    if (text === undefined) continue;
    texts.push(text);
    pending.push(...includedFiles(text));
  }
  return texts.join('\n[all]\n');
}

/** Kernels by their usual names, and those config.txt names for any model. */
function kernelFiles(entries: readonly FatEntry[], config: string): FatEntry[] {
  const named = new Set<string>();
  for (const model of piModels) {
    const settings = settingsFor(config, model);
    const kernel = settings.get('kernel')?.toLowerCase();
    if (kernel === undefined || kernel === '') continue;
    named.add(kernel);
    named.add((settings.get('os_prefix')?.toLowerCase() ?? '') + kernel);
  }
  return entries
    .filter(({ kind, path, size }) => {
      if (kind !== 'file' || size === 0 || size > kernelLimit) return false;
      return named.has(path.toLowerCase()) || (depth(path) <= 2 && isKernelName(baseName(path)));
    })
    .slice(0, maxKernels);
}

/**
 * A kernel that packs itself in a way that is not read here (xz with a filter for ARM code, as Debian's for armhf)
 * may still say its release in its name, which counts when the root has modules for it.
 */
function releaseFromName(path: string, moduleReleases: readonly string[]): { release?: string } {
  const release = /^vmlinuz-(.+)$/iu.exec(baseName(path))?.[1];
  return release !== undefined && moduleReleases.includes(release) ? { release } : {};
}

async function inspectOne(
  volume: FatVolume,
  { path, size }: FatEntry,
  moduleReleases: readonly string[],
): Promise<BootKernel> {
  const inspected = await inspectKernel(await volume.readFile(path, kernelLimit));
  const facts = { ...releaseFromName(path, moduleReleases), ...inspected };
  const modulesPresent = facts.release !== undefined && moduleReleases.includes(facts.release);
  return { file: path, size, ...facts, modulesPresent };
}

async function inspectKernels(
  volume: FatVolume,
  files: readonly FatEntry[],
  moduleReleases: readonly string[],
): Promise<BootKernel[]> {
  const kernels: BootKernel[] = [];
  for (const file of files) kernels.push(await inspectOne(volume, file, moduleReleases));
  return kernels;
}

export type KernelIdentity = Pick<BootKernel, 'file' | 'architecture' | 'release'>;

/**
 * The kernels of a boot partition, as {@link inspectBoot} finds them. Those that are known, as they did not change, are not read. `moduleReleases` is asked
 * for when one is.
 */
export async function findBootKernels(
  volume: FatVolume,
  known: (file: FatEntry) => KernelIdentity | undefined,
  moduleReleases: () => Promise<readonly string[]>,
): Promise<KernelIdentity[]> {
  const config = await readConfig(volume, (await readText(volume, 'config.txt')) ?? '');
  const kernels: KernelIdentity[] = [];
  for (const file of kernelFiles(await volume.entries(), config))
    kernels.push(known(file) ?? (await inspectOne(volume, file, await moduleReleases())));
  return kernels;
}

/** Reads what a boot partition holds. `moduleReleases` are those of the root. */
export async function inspectBoot(
  volume: FatVolume,
  partition: number,
  moduleReleases: readonly string[],
): Promise<BootPartition> {
  const entries = await volume.entries();
  const files = entries.filter(({ kind }) => kind === 'file');
  const paths = files.map(({ path }) => path);
  const configTxt = await readText(volume, 'config.txt');
  const cmdlineTxt = await readText(volume, 'cmdline.txt');
  const config = await readConfig(volume, configTxt ?? '');
  const facts: BootFacts = {
    partition,
    fat: volume.kind,
    label: volume.label,
    files: files.length,
    usedBytes: files.reduce((sum, { size }) => sum + size, 0),
    kernels: await inspectKernels(volume, kernelFiles(files, config), moduleReleases),
    initramfs: paths.filter((path) => isInitramfsName(baseName(path))),
    deviceTrees: paths.filter(isDeviceTree),
    firmware: paths.filter(isFirmware),
    ...(configTxt === undefined ? {} : { configTxt }),
    ...(cmdlineTxt === undefined ? {} : { cmdlineTxt }),
  };
  return { facts, files: new Set(paths.map((path) => path.toLowerCase())), config };
}
