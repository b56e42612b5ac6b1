import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { LockedPackage } from '@drover/debian';
import type { ToolRunner } from '@drover/tools';
import { openBaseImage, type BaseImage } from '../base/base-image.js';
import { fetchBase, type ServerImages } from '../base/fetch.js';
import type { ComposeInitramfs } from '../boot/compose.js';
import { openSandbox, type Sandbox } from '../machine/sandbox.js';
import { setUpEmulation } from '../machine/set-up-emulation.js';
import { setUpWorkbench } from '../machine/workbench.js';
import { createContent } from '../plan/content.js';
import { planWorks } from '../plan/works.js';
import type { Recipe } from '../recipe/recipe.js';
import { openDisk } from '../output/open-disk.js';
import type { Architecture } from '../recipe/schema.js';
import { openBuildStore } from '../store/build-store.js';
import { keptUnusedMs, retireUnused } from '../store/unused.js';
import { leftWorkFolders, makeWorkFolder } from '../store/work-folders.js';
import { choosePackages, fetchPackages, type Prepared } from './choose-packages.js';
import { digestsOf } from './digests.js';
import { createStages, type BuildEvent } from './events.js';
import { finishBuild, type BuiltRoot, type Finished } from './finish.js';
import { makeLayers } from './make-layers.js';
import { planAll } from './plan-all.js';

export interface BuildOptions {
  /** As small as it gets, however long it takes. */
  readonly strong: boolean;
  /** Whether whoever takes it wants the disk as well, which is most of what comes from another host. Default true. */
  readonly withDisk?: boolean;
  /** Takes what was made; it is deleted when this returns. */
  readonly deliver: (finished: Finished, folder: string) => Promise<void>;
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
  /** `packages.lock.json` of an earlier build, whose packages are taken again. */
  readonly lockFile?: { readonly path: string; readonly text: string } | undefined;
  /** For recipes that begin with an image of a server. */
  readonly images?: ServerImages | undefined;
}

/** What building and planning have in common. */
type Common = Pick<BuildOptions, 'onEvent' | 'signal' | 'lockFile' | 'images'>;

export interface BuilderDeps {
  readonly tools: ToolRunner;
  readonly compose: ComposeInitramfs;
  /** Where packages and layers are kept. */
  readonly cacheDir: string;
  /** Of this machine, as Node calls it: `x64`. */
  readonly arch: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Stages besides the layers. */
const otherStages = 7;
/** With an image to begin with. */
const stagesOfBase = 2;

/** The root, as layers: packages first, then what the recipes do. */
async function makeRoot(
  prepared: Prepared,
  sandbox: Sandbox,
  { tools, arch }: BuilderDeps,
): Promise<Omit<BuiltRoot, 'strong'>> {
  const { recipe, architecture, store, folder, stages, onOutput, base } = prepared;
  const chosen = await choosePackages(prepared, tools);
  const timeOf = await fetchPackages(chosen, prepared);
  const content = createContent();
  const { works, layers, top, signature } = await planAll(prepared, chosen.lock, content, timeOf);
  stages.expect(works.length + otherStages + (base === undefined ? 0 : stagesOfBase));
  await setUpWorkbench(sandbox, store.packages);
  await setUpEmulation(sandbox, architecture, arch);
  const trees = await makeLayers(
    works.map((planned, index) => ({ planned, layer: layers[index] ?? top })),
    { tools, sandbox, folder, stages, onOutput, store, content, architecture, base, recommends: recipe.recommends },
  );
  const digests = await digestsOf(recipe, content);
  return {
    recipe,
    architecture,
    trees,
    key: top.key,
    epoch: top.epoch,
    signature,
    lock: chosen.lock,
    digests,
    base,
  };
}

/** Runs work with the image that a recipe begins with, where it does with one. */
async function withBase(
  { recipe, store, folder, stages, onOutput, signal }: Omit<Prepared, 'base' | 'architecture'>,
  { tools, images }: Pick<BuilderDeps, 'tools'> & Pick<Common, 'images'>,
  work: (base: BaseImage | undefined, architecture: Architecture) => Promise<void>,
): Promise<void> {
  const { base, architecture: wanted } = recipe;
  if (base.kind === 'suite') return work(undefined, wanted ?? 'arm64');
  const fetching = { tools, store, folder, images, signal, onOutput };
  const { sha256, path } = await stages.run('fetch the image to begin with', () => fetchBase(base, fetching));
  const source = await openDisk(path);
  try {
    const opened = await stages.run('read it', () => openBaseImage(source, { sha256, wanted, signal }));
    await work(opened, opened.architecture);
  } finally {
    await source.close();
  }
}

const noSpace = (folder: string): RefusedError =>
  new RefusedError(
    refusal('storage.full', `There is no space left in ${folder}.`, {
      remedy: 'Make room there, or name a folder on a larger disk (--cache-dir, builds.cacheDir).',
    }),
  );

/** Runs work with a folder of its own; what it leaves there is deleted, also by the next build when this one is killed. */
async function withPrepared(
  recipe: Recipe,
  deps: BuilderDeps,
  { onEvent, signal, lockFile, images }: Common,
  work: (prepared: Prepared, sandbox: Sandbox) => Promise<void>,
): Promise<void> {
  const store = await openBuildStore(deps.cacheDir);
  const folder = await makeWorkFolder(store.work);
  const stages = createStages(onEvent, deps.now);
  const onOutput = (chunk: Uint8Array): void => onEvent({ kind: 'output', text: Buffer.from(chunk).toString('utf8') });
  const sandbox = await openSandbox(deps.tools, signal);
  try {
    await retireUnused(store, deps.now() - keptUnusedMs);
    await sandbox.run('rm', ['-rf', '--', ...(await leftWorkFolders(store.work))]);
    const common = { recipe, store, folder, stages, onOutput, signal, lockFile };
    await withBase(common, { tools: deps.tools, images }, (base, architecture) =>
      work({ ...common, base, architecture }, sandbox),
    );
  } catch (fault) {
    throw (fault as NodeJS.ErrnoException).code === 'ENOSPC' ? noSpace(deps.cacheDir) : fault;
  } finally {
    // Within, files may belong to others than us.
    await sandbox.run('rm', ['-rf', '--', folder]).catch(() => undefined);
    await sandbox.close();
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** What a build would do. */
export interface BuildPlan {
  readonly stages: readonly string[];
  /** All that would be in the image. */
  readonly packages: readonly LockedPackage[];
  /** Of packages that are not kept yet. */
  readonly fetch: { readonly count: number; readonly bytes: number };
}

/** Chooses packages and says what would be done, and does nothing of it. Throws as {@link build} does. */
export async function planBuild(recipe: Recipe, deps: BuilderDeps, options: Common): Promise<BuildPlan> {
  let plan: BuildPlan | undefined;
  await withPrepared(recipe, deps, options, async (prepared) => {
    const { lock, missing } = await choosePackages(prepared, deps.tools);
    const works = await planWorks(recipe, lock, createContent(), prepared.base);
    plan = {
      stages: works.map(({ title }) => title),
      packages: lock.installed.map(({ locked }) => locked),
      fetch: { count: missing.length, bytes: missing.reduce((sum, { size }) => sum + size, 0) },
    };
  });
  if (plan === undefined) throw new Error('a plan that was not made');
  return plan;
}

/**
 * Builds an image from a recipe. All that is mounted and started ends with this process, however that ends; folders it leaves are deleted by the next build.
 * Throws RefusedError with the reason and the remedy; rejects with the signal's reason.
 */
export const build = (recipe: Recipe, deps: BuilderDeps, options: BuildOptions): Promise<void> =>
  withPrepared(recipe, deps, options, async (prepared, sandbox) => {
    const root = await makeRoot(prepared, sandbox, deps);
    const { store, stages, onOutput, signal } = prepared;
    const folder = join(prepared.folder, 'result');
    await mkdir(folder);
    const { tools, compose } = deps;
    const finishing = { tools, sandbox, compose, layers: store.layers, folder, stages, onOutput, signal };
    const finished = await finishBuild({ ...root, strong: options.strong }, finishing);
    signal.throwIfAborted();
    await options.deliver(finished, folder);
  });
