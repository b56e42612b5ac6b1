import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { sortListed, sortPackages, type ListedPackage, type PrivateApt } from '@drover/debian';
import type { Recipe } from '../recipe/recipe.js';
import type { Stanza } from '@drover/documents';
import { installedState } from './repository.js';

/** What is installed and removed at one step of a build. */
export interface PackageStep {
  readonly install: readonly ListedPackage[];
  readonly remove: readonly string[];
  /** Names of those that were asked for; the others came because these need them. */
  readonly asked: readonly string[];
}

/** A package that an image came with. */
export interface PresentPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** The source package it was made from. */
  readonly source: string;
  /** As its dpkg status file has it. */
  readonly stanza: Stanza;
}

/** Packages of a whole build, chosen before any of it is built. */
export interface PackageLock {
  /** Debian's minimal system. */
  readonly system: PackageStep;
  /** Kernel, firmware, init: what a board needs to start. */
  readonly boot: PackageStep;
  /** Of each recipe of the chain. */
  readonly steps: readonly PackageStep[];
  /** What is installed in the end, besides {@link kept}. */
  readonly installed: readonly ListedPackage[];
  /** What is still there of a base image's own. */
  readonly kept: readonly Omit<PresentPackage, 'stanza'>[];
}

/** Essential and required packages, and apt: what debootstrap calls minbase. /usr is merged from the start, and needs no program that does it. */
const minimal = ['?essential', '?priority(required)', 'apt', 'usr-is-merged'];

/** Debian's kernels for boards of Raspberry Pi. */
const kernels = { arm64: 'linux-image-arm64', armhf: 'linux-image-armmp' } as const;

export const bootWish = ({ base, kernel, architecture }: Recipe): string[] => {
  // An image has all that.
  if (base.kind !== 'suite') return [];
  return [kernel.package ?? kernels[architecture ?? 'arm64'], kernel.firmware ?? 'raspi-firmware', 'init'];
};

/** Names alone, without versions. */
export const askedOf = (wishes: readonly string[]): string[] => wishes.map((name) => name.replace(/[=/:].*$/, ''));

/** Says whose wish it was that apt cannot meet. */
const refuse = (recipe: string, fault: unknown): never => {
  if (!(fault instanceof RefusedError) || fault.refusal.code !== 'tool.failed') throw fault;
  const remedy = `Look at packages and removePackages of the recipe ${recipe}: names, versions, and whether its sources have them.`;
  throw new RefusedError(refusal('tool.failed', `${recipe}: packages: ${fault.refusal.detail}`, { remedy }));
};

interface Options {
  /** What a base image has. */
  readonly present: readonly PresentPackage[];
  /** For files of its own. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Package names in a state, as `name` or `name:architecture`. */
const isGone = ({ name, architecture }: { name: string; architecture: string }, gone: readonly string[]): boolean =>
  gone.includes(name) || gone.includes(`${name}:${architecture}`);

/** Has apt choose the packages of every step, each against what the steps before leave. */
export async function lockPackages(
  recipe: Recipe,
  apt: PrivateApt,
  { present, folder, signal }: Options,
): Promise<PackageLock> {
  const state = join(folder, 'status');
  let there: ListedPackage[] = [];
  let kept = [...present];
  const next = async (install: readonly string[], remove: readonly string[] = []): Promise<PackageStep> => {
    if (install.length === 0 && remove.length === 0) return { install: [], remove: [], asked: [] };
    await writeFile(state, installedState([...kept, ...there]));
    const chosen = await apt.resolve({ install, remove, recommends: recipe.recommends }, state, signal);
    const replaced = [...chosen.remove, ...chosen.install.map(({ locked }) => locked.name)];
    kept = kept.filter((each) => !isGone(each, replaced));
    there = [...there.filter(({ locked }) => !isGone(locked, replaced)), ...chosen.install];
    return { install: sortListed(chosen.install), remove: chosen.remove, asked: askedOf(install) };
  };
  const system = await next(recipe.base.kind === 'suite' ? minimal : []);
  const boot = await next(bootWish(recipe));
  const steps: PackageStep[] = [];
  for (const { name, packages, removePackages } of recipe.steps)
    steps.push(await next(packages, removePackages).catch((fault: unknown) => refuse(name, fault)));
  return {
    ...{ system, boot, steps, installed: sortListed(there) },
    kept: sortPackages(kept.map(({ stanza: _stanza, ...each }) => each)),
  };
}
