import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import {
  cachedSource,
  inspectImage,
  openExt4,
  windowOf,
  type Ext4Volume,
  type ImageFacts,
  type RandomAccess,
} from '@drover/disk-image';
import { chooseCompression, fromConfiguration, fromRelease } from '@drover/initramfs';
import { sortPackages } from '@drover/debian';
import type { ToolRunner } from '@drover/tools';
import { collectBoot } from '../boot/collect.js';
import type { ComposeInitramfs } from '../boot/compose.js';
import type { BaseImage } from '../base/base-image.js';
import { keepBootFolder } from '../boot/keep.js';
import { initramfsName, planBoot } from '../boot/plan.js';
import { writeBootFolder } from '../boot/write.js';
import { lintImage } from '../lint/lint.js';
import type { LintFinding } from '../lint/tree.js';
import { volumeTree } from './volume-tree.js';
import { openRoot } from '../machine/root.js';
import type { Sandbox } from '../machine/sandbox.js';
import { packInitfs } from '../output/archive.js';
import { digestFile, digestForCards } from '../output/digest.js';
import {
  fillBoot,
  fillRoot,
  namesOf,
  partitionDisk,
  planDisk,
  rootPartitionOf,
  type DiskLayout,
  type DiskNames,
} from '../output/disk.js';
import { infoScript } from '../output/info.js';
import { manifestText, type ImageManifest } from '../output/manifest.js';
import { openDisk } from '../output/open-disk.js';
import { spdxText } from '../output/spdx.js';
import { packSquashfs, type SquashfsOptions } from '../output/squashfs.js';
import { lockText } from '../packages/lock-file.js';
import type { PackageLock } from '../packages/lock.js';
import type { Recipe } from '../recipe/recipe.js';
import type { Architecture } from '../recipe/schema.js';
import type { Stages } from './events.js';

export interface FinishDeps {
  readonly tools: ToolRunner;
  readonly sandbox: Sandbox;
  readonly compose: ComposeInitramfs;
  /** The folder that the trees of layers are named in. */
  readonly layers: string;
  /** Empty, for what is made. */
  readonly folder: string;
  readonly stages: Stages;
  readonly onOutput: (chunk: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/** A root that is built, and what it was built from. */
export interface BuiltRoot {
  readonly recipe: Recipe;
  readonly architecture: Architecture;
  /** Trees of its layers, the lowest first. */
  readonly trees: readonly string[];
  /** Of the layer on top, and with it of all that is in the root. */
  readonly key: string;
  readonly epoch: number;
  /** Of the disk, which /etc/fstab names. */
  readonly signature: string;
  readonly lock: PackageLock;
  readonly digests: ImageManifest['recipe'];
  /** The image it began with, where it did with one. */
  readonly base: BaseImage | undefined;
  readonly strong: boolean;
}

/** What a build has made, in its folder. */
export interface Finished {
  readonly manifest: ImageManifest;
  /** The whole disk, as an image store and a card take it. */
  readonly disk: string;
}

/** Files of a build besides the disk. */
export const builtNames = [
  'initfs.tgz',
  'rootfs.sqsh',
  'image.json',
  'packages.lock.json',
  'sbom.spdx.json',
  'info.sh',
] as const;
export const diskName = 'disk.img';

const output = async (sandbox: Sandbox, script: string, ...words: string[]): Promise<string> =>
  (await sandbox.run('sh', ['-euc', script, 'sh', ...words])).stdout;

/** What the kernels of a root can mount, by their configurations in /boot. */
async function squashfsFor(
  sandbox: Sandbox,
  root: string,
  ofImage: readonly string[],
): Promise<SquashfsOptions['compression']> {
  const releases = (await output(sandbox, 'cd "$1/boot" 2>/dev/null && ls -d vmlinuz-* 2>/dev/null || :', root))
    .split('\n')
    .flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? []);
  const kernels = [];
  for (const release of releases.length > 0 ? releases : ofImage) {
    const text = await output(sandbox, 'cat "$1/boot/config-$2" 2>/dev/null || :', root, release);
    const can = fromConfiguration(text);
    kernels.push({ release, can: can.length > 0 ? can : fromRelease(release), evidence: 'its configuration' });
  }
  return chooseCompression(kernels).compression;
}

async function packRoot(
  built: BuiltRoot,
  root: string,
  { sandbox, folder, onOutput }: FinishDeps,
): Promise<SquashfsOptions['compression']> {
  const { compression: asked } = built.recipe;
  const compression =
    asked === 'auto' ? await squashfsFor(sandbox, root, built.base?.facts.root?.moduleReleases ?? []) : asked;
  const { strong, epoch, base } = built;
  const options = { compression, strong, epoch, without: base?.bootFolder, onOutput };
  await packSquashfs(sandbox, root, join(folder, 'rootfs.sqsh'), options);
  return compression;
}

/** Those of the image it began with, which that image's own files know. */
const diskNamesOf = ({ key, signature, base }: BuiltRoot): DiskNames =>
  base === undefined
    ? namesOf(key, signature)
    : {
        signature,
        boot: { label: base.boot.label, serial: base.boot.serial },
        root: { label: base.root.label, uuid: base.root.uuid },
      };

async function makeRootPartition(built: BuiltRoot, root: string, deps: FinishDeps): Promise<DiskLayout> {
  const { sandbox, folder, tools } = deps;
  const [bytes = 0, inodes = 0] = (await output(sandbox, 'du -s -B1 "$1"; du -s --inodes "$1"', root))
    .trim()
    .split('\n')
    .map((line) => Number(line.split('\t')[0]));
  const layout = planDisk(built.signature, { bytes, inodes }, built.recipe.sizes);
  const disk = join(folder, diskName);
  await partitionDisk(disk, layout, tools);
  const squashfs = join(folder, 'rootfs.sqsh');
  const { key, epoch } = built;
  await fillRoot(sandbox, disk, { layout, names: diskNamesOf(built), squashfs, root, key, epoch });
  return layout;
}

async function planBootFolder(
  built: BuiltRoot,
  volume: Ext4Volume,
  layout: DiskLayout,
  deps: FinishDeps,
): Promise<string[]> {
  const { recipe, architecture, epoch } = built;
  const { kernel, firmware } = await collectBoot(volume);
  if (kernel === undefined)
    throw new RefusedError(
      refusal('image.unfit', 'The image has no kernel in /boot.', {
        remedy: 'Leave kernel.package as it is, or name a package with a kernel.',
      }),
    );
  const initramfs = await deps.compose(volume, { release: kernel.release, architecture }, deps.signal);
  const plan = planBoot({
    ...{ architecture, models: recipe.models, kernel, firmware, title: recipe.name, initramfs: true },
    config: recipe.steps.flatMap(({ boot }) => boot.config),
    parameters: recipe.steps
      .map(({ boot }) => boot.parameters)
      .filter((each) => each !== '')
      .join(' '),
    rootPartition: rootPartitionOf(layout),
  });
  if (!plan.ok)
    throw new RefusedError(
      refusal(
        'image.unfit',
        `models: ${plan.unfit.map(({ model, reason }) => `${model} cannot be started: ${reason}`).join('; ')}.`,
        {
          remedy: 'Leave these models out, or name a kernel and firmware that know them.',
        },
      ),
    );
  const made = new Map<string, string | Uint8Array>([
    [initramfsName, initramfs],
    ['config.txt', plan.config],
    ['cmdline.txt', plan.cmdline],
  ]);
  const folder = join(deps.folder, 'boot');
  await mkdir(folder);
  return writeBootFolder(volume, { folder, copies: plan.copies, made, steps: recipe.steps, epoch });
}

/** Boot files: those of the image it began with, or what its packages bring. Returns their paths. */
async function makeBootFolder(
  built: BuiltRoot,
  volume: Ext4Volume,
  layout: DiskLayout,
  deps: FinishDeps,
): Promise<string[]> {
  if (built.base === undefined) return planBootFolder(built, volume, layout, deps);
  const { recipe, epoch } = built;
  return keepBootFolder(join(deps.folder, 'boot'), { steps: recipe.steps, epoch });
}

const failed = (findings: readonly LintFinding[]): RefusedError => {
  const lines = findings.map(({ check, place, message, remedy }) => `${place} ${message} (${check}). ${remedy}`);
  const checks = [...new Set(findings.map(({ check }) => check))].join(', ');
  return new RefusedError(
    refusal('image.unfit', ['The image holds what no image should:', ...lines].join('\n'), {
      remedy: `Mend the recipe. What is meant to be there is allowed by lint.allow: [${checks}].`,
    }),
  );
};

async function inspect(
  built: BuiltRoot,
  source: RandomAccess,
  volume: Ext4Volume,
  names: readonly string[],
  deps: FinishDeps,
) {
  const facts = await inspectImage(source);
  const kernels = facts.boot.kernels.map(({ file, release }) => ({ file, release: release ?? null }));
  const tree = await volumeTree(volume, { folder: join(deps.folder, 'boot'), names, kernels });
  const findings = await lintImage(tree, built.recipe.allowed);
  if (findings.length > 0) throw failed(findings);
  return facts;
}

async function writeDocuments(manifest: ImageManifest, folder: string): Promise<void> {
  await writeFile(join(folder, 'image.json'), manifestText(manifest));
  await writeFile(join(folder, 'sbom.spdx.json'), spdxText(manifest));
  // Beside the files, wherever that is: a server that publishes a build writes one with its own address.
  await writeFile(join(folder, 'info.sh'), infoScript(manifest, '.'));
}

/** The day of the newest file, and what tells two builds of a day apart. */
const versionOf = ({ recipe, epoch, key }: BuiltRoot): string =>
  recipe.version ?? `${new Date(epoch * 1000).toISOString().slice(0, 10)}-${key.slice(0, 8)}`;

/** Out of the root, where what runs in it sees and changes them. */
async function takeBootFiles({ bootFolder }: BaseImage, root: string, { sandbox, folder }: FinishDeps): Promise<void> {
  await mkdir(join(folder, 'boot'));
  await output(sandbox, 'cp -r "$1/." "$2"; chmod -R u+rwX,go+rX "$2"', root + bootFolder, join(folder, 'boot'));
}

/** Waits for all, also when one fails: nothing is at work any more then. */
async function together<T extends readonly unknown[]>(works: { readonly [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(works);
  return Promise.all(works);
}

/** Fills the boot partition of the disk. Returns what is in it. */
async function makeBootPartition(
  built: BuiltRoot,
  volume: Ext4Volume,
  layout: DiskLayout,
  deps: FinishDeps,
): Promise<string[]> {
  const made = await makeBootFolder(built, volume, layout, deps);
  const folder = join(deps.folder, 'boot');
  const filling = { layout, folder, files: await readdir(folder), names: diskNamesOf(built), epoch: built.epoch };
  await fillBoot(join(deps.folder, diskName), filling, deps.tools);
  return made;
}

/** The root as a squashfs and as a partition of a disk. */
async function makeBothRoots(built: BuiltRoot, deps: FinishDeps) {
  const { sandbox, folder, stages } = deps;
  const target = join(folder, 'root');
  await mkdir(target);
  const root = await openRoot(sandbox, { layers: deps.layers, below: built.trees, changes: undefined, target });
  if (built.base !== undefined) await takeBootFiles(built.base, root.path, deps);
  const compression = await stages.run('pack the root', () => packRoot(built, root.path, deps));
  const [layout, squashfs] = await stages.run('make the root partition', () =>
    together([makeRootPartition(built, root.path, deps), digestForCards(join(folder, 'rootfs.sqsh'))]),
  );
  await root.close();
  return { compression, layout, squashfs };
}

/** What a build is, with digests of all its files. */
function manifestOf(
  built: BuiltRoot,
  compression: ImageManifest['compression'],
  facts: ImageFacts,
  files: ImageManifest['files'],
): ImageManifest {
  const { recipe, architecture, epoch, digests, base, lock } = built;
  const models = facts.models.filter(({ boots }) => boots).map(({ model }) => model);
  return {
    ...{ format: 1, name: recipe.name, version: versionOf(built), description: recipe.description, architecture },
    ...{ models: [...(recipe.models ?? models)], recipe: digests, base: base?.sha256 ?? null },
    ...{ sourceDateEpoch: epoch, compression, files },
    kernels: [...new Set(facts.boot.kernels.flatMap(({ release }) => release ?? []))].sort(),
    packages: sortPackages([...lock.kept, ...lock.installed.map(({ locked }) => locked)]),
  };
}

/** Makes of a root what is booted from: squashfs, disk, boot files; and looks at all of it. What needs no core is done beside what does. */
export async function finishBuild(built: BuiltRoot, deps: FinishDeps): Promise<Finished> {
  const { folder, stages, tools } = deps;
  const { compression, layout, squashfs } = await makeBothRoots(built, deps);
  const disk = join(folder, diskName);
  const source = await openDisk(disk);
  try {
    const volume = await openExt4(
      cachedSource(windowOf(source, layout.root.start, layout.root.size), { pageSize: 64 * 1024, pages: 256 }),
    );
    const names = await stages.run('make the boot files', () => makeBootPartition(built, volume, layout, deps));
    const archive = join(folder, 'initfs.tgz');
    const packed = async () => {
      await packInitfs(join(folder, 'boot'), archive, built.epoch, tools);
      return digestForCards(archive);
    };
    const [facts, initfs, digested] = await stages.run('look at all of it', () =>
      together([inspect(built, source, volume, names, deps), packed(), digestFile(disk)]),
    );
    const lockFile = join(folder, 'packages.lock.json');
    await writeFile(lockFile, lockText(built.lock));
    const manifest = manifestOf(built, compression, facts, {
      ...{ 'initfs.tgz': initfs, 'rootfs.sqsh': squashfs },
      ...{ 'packages.lock.json': await digestFile(lockFile), [diskName]: digested },
    });
    await writeDocuments(manifest, folder);
    return { manifest, disk };
  } finally {
    await source.close();
  }
}
