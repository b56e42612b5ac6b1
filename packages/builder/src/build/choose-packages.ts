import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { createPrivateApt, debHeadLength, debTime, type LockedPackage, type PrivateApt } from '@drover/debian';
import type { ToolRunner } from '@drover/tools';
import { basePackages } from '../base/base-packages.js';
import type { BaseImage } from '../base/base-image.js';
import { keptLock } from '../packages/kept-lock.js';
import { checkLock, parseLock } from '../packages/lock-file.js';
import type { PackageLock, PackageStep } from '../packages/lock.js';
import { sourcesOf } from '../packages/sources.js';
import type { Recipe } from '../recipe/recipe.js';
import type { Architecture } from '../recipe/schema.js';
import type { BuildStore } from '../store/build-store.js';
import type { Stages } from './events.js';

/** What a build works with, from its beginning on. */
export interface Prepared {
  readonly recipe: Recipe;
  readonly architecture: Architecture;
  readonly store: BuildStore;
  /** Of this build alone. */
  readonly folder: string;
  readonly stages: Stages;
  readonly onOutput: (chunk: Uint8Array) => void;
  readonly signal: AbortSignal;
  readonly base: BaseImage | undefined;
  /** A list of packages to take instead of choosing. */
  readonly lockFile: { readonly path: string; readonly text: string } | undefined;
}

/** Packages that were chosen, and the way to those that are not here yet. */
export interface ChosenPackages {
  readonly lock: PackageLock;
  readonly all: readonly LockedPackage[];
  readonly missing: readonly LockedPackage[];
  readonly apt: PrivateApt;
}

/** An image that is only added to needs no apt, which a system of another kind has not. */
const wantsPackages = ({ base, steps }: Recipe): boolean =>
  base.kind === 'suite' || steps.some(({ packages, removePackages }) => packages.length + removePackages.length > 0);

const none: PackageStep = { install: [], remove: [], asked: [] };

const packagesOf = (lock: PackageLock): LockedPackage[] =>
  [lock.system, lock.boot, ...lock.steps].flatMap(({ install }) => install.map(({ locked }) => locked));

/** Has apt look for what is new and choose; takes what a list says where there is one, for which nothing needs to be fetched that is kept. */
export async function choosePackages(prepared: Prepared, tools: ToolRunner): Promise<ChosenPackages> {
  const { recipe, architecture, store, folder, stages, signal, lockFile } = prepared;
  const ofImage =
    prepared.base === undefined ? { present: [], sources: [] } : await basePackages(prepared.base.root, folder);
  const sources = await sourcesOf(recipe, ofImage.sources);
  const digest = createHash('sha256')
    .update(`${architecture}\n${sources.join('\n')}`)
    .digest('hex');
  const aptFolder = await store.aptFolder(digest);
  const apt = createPrivateApt({
    tools,
    folder: aptFolder,
    architecture,
    sources: () => Promise.resolve(sources),
    shared: true,
  });
  const look = (): Promise<void> => stages.run('look for new packages', () => apt.update(signal));
  const choose = async (): Promise<PackageLock> => {
    const { present } = ofImage;
    if (!wantsPackages(recipe))
      return { system: none, boot: none, steps: recipe.steps.map(() => none), installed: [], kept: present };
    await look();
    const kept = join(aptFolder, 'locks');
    return stages.run('choose packages', () => keptLock(recipe, apt, { present, kept, folder, signal }));
  };
  const lock = lockFile === undefined ? await choose() : parseLock(lockFile.path, lockFile.text);
  if (lockFile !== undefined) checkLock(lockFile.path, lock, recipe);
  const all = packagesOf(lock);
  const missing: LockedPackage[] = [];
  for (const each of all) if (!(await store.hasPackage(each))) missing.push(each);
  if (lockFile !== undefined && missing.length > 0) await look();
  return { lock, all, missing, apt };
}

/** Brings what is missing into the store, and tells when each of all was built, in seconds. */
export async function fetchPackages(
  { all, missing, apt }: ChosenPackages,
  { store, stages, signal, onOutput }: Prepared,
): Promise<(sha256: string) => number> {
  await stages.run('fetch packages', () => apt.download(missing, store.packages, { signal, onOutput }));
  return timesOf(all, store);
}

async function timesOf(packages: readonly LockedPackage[], store: BuildStore): Promise<(sha256: string) => number> {
  const times = new Map<string, number>();
  for (const { sha256, name } of packages) {
    const file = await open(join(store.packages, `${sha256}.deb`));
    try {
      const { buffer } = await file.read(Buffer.alloc(debHeadLength), 0, debHeadLength, 0);
      const time = debTime(buffer);
      if (time === undefined) throw new Error(`the kept package ${name} (${sha256}) is none`);
      times.set(sha256, time);
    } finally {
      await file.close();
    }
  }
  return (sha256) => times.get(sha256) ?? 0;
}
