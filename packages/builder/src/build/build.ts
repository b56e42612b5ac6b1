import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import {
  aptSourceLine,
  createPrivateApt,
  debHeadLength,
  debianSources,
  debTime,
  type LockedPackage,
  type PrivateApt,
} from '@drover/debian';
import type { ToolRunner } from '@drover/tools';
import { emulationFor, type Emulation } from '../machine/emulation.js';
import { openSandbox, type Sandbox } from '../machine/sandbox.js';
import { setUpWorkbench } from '../machine/workbench.js';
import { keptLock } from '../packages/kept-lock.js';
import type { PackageLock } from '../packages/lock.js';
import { createContent, type Content } from '../plan/content.js';
import { signatureOf } from '../output/disk.js';
import { digestOf, planLayers, type Layer } from '../plan/layers.js';
import { planWorks } from '../plan/works.js';
import type { Recipe } from '../recipe/recipe.js';
import type { Architecture } from '../recipe/schema.js';
import { openBuildStore, type BuildStore } from '../store/build-store.js';
import { leftWorkFolders, makeWorkFolder } from '../store/work-folders.js';
import { createStages, type BuildEvent, type Stages } from './events.js';
import { finishBuild, type ComposeInitramfs, type Finished } from './finish.js';
import { makeLayers } from './make-layers.js';

export interface BuildOptions {
  /** As small as it gets, however long it takes. */
  readonly strong: boolean;
  /** Takes what was made; it is deleted when this returns. */
  readonly deliver: (finished: Finished, folder: string) => Promise<void>;
  readonly onEvent: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
}

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

/** Where the packages of a recipe's base come from. */
async function sourcesOf(recipe: Recipe): Promise<string[]> {
  const { base } = recipe;
  if (base.kind !== 'suite') return [];
  const own = recipe.steps.flatMap(({ sources, folder }) =>
    sources.map(({ uri, suite, components, key }) =>
      aptSourceLine({ uri, suite, components, signedBy: join(folder, key) }, ...components),
    ),
  );
  if (base.mirror !== null) {
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
    return [
      aptSourceLine({ uri: base.mirror, suite: base.suite, components: [], signedBy: keyring }, ...base.components),
      ...own,
    ];
  }
  const machine = await debianSources();
  const here = machine.filter(({ suite }) => suite === base.suite || suite.startsWith(`${base.suite}-`));
  // Another suite is at the place of this machine's own: Debian's mirrors have all of them.
  const [first] = machine;
  const elsewhere = first === undefined ? [] : [{ ...first, suite: base.suite }];
  return [...(here.length > 0 ? here : elsewhere).map((source) => aptSourceLine(source, ...base.components)), ...own];
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

const packagesOf = (lock: PackageLock): LockedPackage[] =>
  [lock.system, lock.boot, ...lock.steps].flatMap(({ install }) => install.map(({ locked }) => locked));

async function fetchPackages(
  apt: PrivateApt,
  packages: readonly LockedPackage[],
  store: BuildStore,
  options: Pick<BuildOptions, 'signal'> & { onOutput: (chunk: Uint8Array) => void },
): Promise<void> {
  const missing: LockedPackage[] = [];
  for (const each of packages) if (!(await store.hasPackage(each.sha256))) missing.push(each);
  await apt.download(missing, store.packages, options);
}

/** Lets programs of the root's architecture run: in this sandbox only where the kernel has that (Linux 6.7), else as the machine is set up. */
async function setUpEmulation(sandbox: Sandbox, emulation: Emulation, architecture: Architecture): Promise<void> {
  const registry = '/proc/sys/fs/binfmt_misc';
  const script =
    '[ -x "$3" ] || exit 64; mount -t binfmt_misc binfmt_misc "$1" || exit 65; printf %s "$2" >"$1/register"';
  const words = [registry, emulation.line, `/usr/bin/${emulation.emulator}`];
  const { code } = await sandbox.run('sh', ['-euc', script, 'sh', ...words], { okCodes: [0, 64, 65] });
  if (code === 64)
    throw new RefusedError(
      refusal('tool.missing', `Programs for ${architecture} cannot run on this machine.`, {
        remedy: 'Install the emulator: apt install qemu-user-static',
      }),
    );
  if (code === 0) return;
  const entry = await readFile(join(registry, emulation.emulator.replace('-static', '')), 'utf8').catch(() => '');
  if (!entry.startsWith('enabled'))
    throw new RefusedError(
      refusal('tool.failed', `This kernel lets no sandbox run programs for ${architecture}.`, {
        remedy:
          'Use Linux 6.7 or later, or let the machine itself run them: apt install binfmt-support qemu-user-static',
      }),
    );
}

/** Of the recipe and all it is made from, for the manifest. */
async function digestsOf(recipe: Recipe, content: Content): Promise<Finished['manifest']['recipe']> {
  const chain = [];
  for (const step of recipe.steps)
    chain.push({
      name: step.name,
      digest: digestOf({ step: { ...step, folder: null }, folder: await content.folder(step.folder) }),
    });
  const { steps: _steps, ...rest } = recipe;
  return { digest: digestOf({ rest, chain }), chain };
}

/** The file systems of the disk an image becomes, by PARTUUID: on a card, and on a disk of a board's own. */
const fstab = (signature: string): string =>
  [
    `PARTUUID=${signature}-02 / ext4 defaults,noatime,x-systemd.growfs 0 1`,
    `PARTUUID=${signature}-01 /boot/firmware vfat defaults 0 2`,
    '',
  ].join('\n');

const bringsFstab = (recipe: Recipe): boolean =>
  recipe.steps.some(({ files }) => files.some(({ path }) => path === '/etc/fstab'));

/** All that is done and the layers it becomes. The disk is called by what is in it, but for the file that says so. */
async function planAll(recipe: Recipe, lock: PackageLock, content: Content, timeOf: (sha256: string) => number) {
  const works = await planWorks(recipe, lock, content);
  const plan = (): Layer[] =>
    planLayers(
      works.map(({ work }) => work),
      timeOf,
    );
  const topOf = (layers: readonly Layer[]): Layer => {
    const top = layers.at(-1);
    if (top === undefined) throw new Error('a recipe without any work');
    return top;
  };
  const signature = signatureOf(topOf(plan()).key);
  if (!bringsFstab(recipe)) {
    const file = { path: '/etc/fstab', content: fstab(signature), owner: 'root' };
    works.push({ work: { kind: 'files', files: await content.placed(file, '/') }, title: '/etc/fstab' });
  }
  const layers = plan();
  return { works, layers, top: topOf(layers), signature };
}

interface Prepared {
  readonly recipe: Recipe;
  readonly architecture: Architecture;
  readonly store: BuildStore;
  readonly folder: string;
  readonly stages: Stages;
  readonly onOutput: (chunk: Uint8Array) => void;
}

async function lockFor(
  { recipe, architecture, store, folder, stages, onOutput }: Prepared,
  { tools }: BuilderDeps,
  signal: AbortSignal,
) {
  const sources = await sourcesOf(recipe);
  const aptFolder = store.aptFolder(
    createHash('sha256')
      .update(`${architecture}\n${sources.join('\n')}`)
      .digest('hex'),
  );
  const apt = createPrivateApt({ tools, folder: aptFolder, architecture, sources: () => Promise.resolve(sources) });
  await stages.run('look for new packages', () => apt.update(signal));
  const lock = await stages.run('choose packages', () =>
    keptLock(recipe, apt, { kept: `${aptFolder}/locks`, folder, signal }),
  );
  await stages.run('fetch packages', () => fetchPackages(apt, packagesOf(lock), store, { signal, onOutput }));
  return lock;
}

const notYet = (base: Recipe['base']): RefusedError =>
  new RefusedError(
    refusal('request.invalid', `base.${base.kind}: recipes that begin with an image cannot be built yet.`, {
      remedy: 'Begin with base.suite.',
    }),
  );

async function buildInto(
  prepared: Prepared,
  sandbox: Sandbox,
  deps: BuilderDeps,
  options: BuildOptions,
): Promise<void> {
  const { recipe, architecture, store, folder, stages, onOutput } = prepared;
  const { signal, strong } = options;
  await sandbox.run('rm', ['-rf', '--', ...(await leftWorkFolders(store.work))]);
  const lock = await lockFor(prepared, deps, signal);
  const packages = packagesOf(lock);
  const content = createContent();
  const { works, layers, top, signature } = await planAll(recipe, lock, content, await timesOf(packages, store));
  stages.expect(works.length + otherStages);
  await setUpWorkbench(sandbox, store.packages);
  const emulation = emulationFor(architecture, { arch: deps.arch, runs32: false });
  if (emulation !== undefined) await setUpEmulation(sandbox, emulation, architecture);
  const planned = works.map((each, index) => ({ planned: each, layer: layers[index] ?? top }));
  const { tools } = deps;
  const shared = { tools, sandbox, folder, stages, onOutput };
  const trees = await makeLayers(planned, { ...shared, store, content, architecture, recommends: recipe.recommends });
  const into = join(folder, 'result');
  await mkdir(into);
  const { key, epoch } = top;
  const digests = await digestsOf(recipe, content);
  const finished = await finishBuild(
    { recipe, architecture, trees, key, epoch, signature, packages, digests, base: null, strong },
    { ...shared, compose: deps.compose, layers: store.layers, folder: into, signal },
  );
  await options.deliver(finished, into);
}

/**
 * Builds an image from a recipe. All that is mounted and started ends with this process, however that ends; folders it leaves are deleted by the next build.
 * Throws RefusedError with the reason and the remedy; rejects with the signal's reason.
 */
export async function build(recipe: Recipe, deps: BuilderDeps, options: BuildOptions): Promise<void> {
  if (recipe.base.kind !== 'suite') throw notYet(recipe.base);
  const store = await openBuildStore(deps.cacheDir);
  const folder = await makeWorkFolder(store.work);
  const stages = createStages(options.onEvent, deps.now);
  const onOutput = (chunk: Uint8Array): void =>
    options.onEvent({ kind: 'output', text: Buffer.from(chunk).toString('utf8') });
  const sandbox = await openSandbox(deps.tools, options.signal);
  try {
    const architecture = recipe.architecture ?? 'arm64';
    await buildInto({ recipe, architecture, store, folder, stages, onOutput }, sandbox, deps, options);
  } finally {
    await sandbox.run('rm', ['-rf', '--', folder]).catch(() => undefined);
    await sandbox.close();
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}
