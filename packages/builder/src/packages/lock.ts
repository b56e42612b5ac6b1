import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { sortListed, type ListedPackage, type PrivateApt } from '@drover/debian';
import type { Recipe } from '../recipe/recipe.js';
import { installedState } from './repository.js';

/** What is installed and removed at one step of a build. */
export interface PackageStep {
  readonly install: readonly ListedPackage[];
  readonly remove: readonly string[];
  /** Names of those that were asked for; the others came because these need them. */
  readonly asked: readonly string[];
}

/** Packages of a whole build, chosen before any of it is built. */
export interface PackageLock {
  /** Debian's minimal system. */
  readonly system: PackageStep;
  /** Kernel, firmware, init: what a board needs to start. */
  readonly boot: PackageStep;
  /** Of each recipe of the chain. */
  readonly steps: readonly PackageStep[];
  /** What is installed in the end. */
  readonly installed: readonly ListedPackage[];
}

/** Essential and required packages, and apt: what debootstrap calls minbase. /usr is merged from the start, and needs no program that does it. */
const minimal = ['?essential', '?priority(required)', 'apt', 'usr-is-merged'];

/** Debian's kernels for boards of Raspberry Pi. */
const kernels = { arm64: 'linux-image-arm64', armhf: 'linux-image-armmp' } as const;

export const bootWish = ({ kernel, architecture }: Recipe): string[] => [
  kernel.package ?? kernels[architecture ?? 'arm64'],
  kernel.firmware ?? 'raspi-firmware',
  'init',
];

/** Names alone, without versions. */
export const askedOf = (wishes: readonly string[]): string[] => wishes.map((name) => name.replace(/[=/:].*$/, ''));

/** Says whose wish it was that apt cannot meet. */
const refuse = (recipe: string, fault: unknown): never => {
  if (!(fault instanceof RefusedError) || fault.refusal.code !== 'tool.failed') throw fault;
  const remedy = `Look at packages and removePackages of the recipe ${recipe}: names, versions, and whether its sources have them.`;
  throw new RefusedError(refusal('tool.failed', `${recipe}: packages: ${fault.refusal.detail}`, { remedy }));
};

interface Options {
  /** For files of its own. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Package names in a state, as `name` or `name:architecture`. */
const without = (packages: readonly ListedPackage[], gone: readonly string[]): ListedPackage[] =>
  packages.filter(
    ({ locked }) => !gone.includes(locked.name) && !gone.includes(`${locked.name}:${locked.architecture}`),
  );

/** Has apt choose the packages of every step, each against what the steps before leave. */
export async function lockPackages(recipe: Recipe, apt: PrivateApt, { folder, signal }: Options): Promise<PackageLock> {
  const state = join(folder, 'status');
  let there: ListedPackage[] = [];
  const next = async (install: readonly string[], remove: readonly string[] = []): Promise<PackageStep> => {
    if (install.length === 0 && remove.length === 0) return { install: [], remove: [], asked: [] };
    await writeFile(state, installedState(there));
    const chosen = await apt.resolve({ install, remove, recommends: recipe.recommends }, state, signal);
    const replaced = [...chosen.remove, ...chosen.install.map(({ locked }) => locked.name)];
    there = [...without(there, replaced), ...chosen.install];
    return { install: sortListed(chosen.install), remove: chosen.remove, asked: askedOf(install) };
  };
  const system = await next(minimal);
  const boot = await next(bootWish(recipe));
  const steps: PackageStep[] = [];
  for (const { name, packages, removePackages } of recipe.steps)
    steps.push(await next(packages, removePackages).catch((fault: unknown) => refuse(name, fault)));
  return { system, boot, steps, installed: sortListed(there) };
}
