import { refusal, RefusedError, success, type ImageFacts, type Result } from '@drover/contract';
import { cachedSource, ImageError, openExt4, windowOf, type Ext4Volume, type RandomAccess } from '@drover/disk-image';
import type { InitramfsMaker, MadeInitramfs } from '../../app/images/ports.js';
import { partArchitecture } from '../../domain/boot-kernels.js';
import type { InitramfsPart } from '../../domain/boot-plan.js';
import { attachModules, cardModules, rootCompression, type InitramfsComposer } from '@drover/initramfs';

type Architecture = InitramfsPart['architecture'];

/** Opens a local file for reading at any place. */
export type OpenSource = (path: string) => Promise<RandomAccess & { close(): Promise<void> }>;

export interface InitramfsMakerDeps {
  readonly composer: InitramfsComposer;
  readonly openSource: OpenSource;
}

interface Target {
  readonly release: string;
  readonly architecture: Architecture;
}

function targetsOf(facts: ImageFacts): Target[] {
  const targets = new Map<string, Target>();
  for (const kernel of facts.kernels) {
    const architecture = partArchitecture(kernel);
    if (architecture !== undefined && kernel.release !== null && kernel.modules)
      targets.set(`${architecture} ${kernel.release}`, { architecture, release: kernel.release });
  }
  return [...targets.values()];
}

const noRoot = refusal('image.unfit', 'The image has no root partition with a file system Drover can read.', {
  remedy: 'Import an image with an ext4 root.',
});

async function withRoot<T>(
  openSource: OpenSource,
  path: string,
  facts: ImageFacts,
  work: (volume: Ext4Volume) => Promise<T>,
): Promise<T> {
  const place = facts.partitions.find(({ number }) => number === facts.rootPartition);
  if (place === undefined) throw new RefusedError(noRoot);
  const source = await openSource(path);
  try {
    const partition = windowOf(source, place.offset, place.length);
    return await work(await openExt4(cachedSource(partition, { pageSize: 64 * 1024, pages: 256 })));
  } catch (fault) {
    if (!(fault instanceof ImageError)) throw fault;
    throw new RefusedError(refusal('image.broken', `${fault.message} (${fault.code})`));
  } finally {
    await source.close();
  }
}

type MakeOptions = Parameters<InitramfsMaker['make']>[2];

async function makeParts(
  composer: InitramfsComposer,
  volume: Ext4Volume,
  targets: readonly Target[],
  options: MakeOptions,
): Promise<Result<MadeInitramfs>> {
  const parts: InitramfsPart[] = [];
  const warnings: string[] = [];
  if ('detail' in volume.journal)
    warnings.push(
      `the root was not cleanly unmounted, and its journal ${volume.journal.detail}; some of its kernel modules may be old or missing`,
    );
  let [canAttach, canMount, canUpdateCard] = [true, true, true];
  let done = 0;
  for (const { release, architecture } of targets) {
    options.progress(done++, targets.length);
    const made = await composer.composeModules(volume, release, architecture, options.signal);
    if (!made.ok) {
      warnings.push(made.detail);
      continue;
    }
    parts.push(made.value.part);
    const nfs = await composer.composeNfs(volume, release, architecture, options.signal);
    parts.push(nfs.part);
    canMount &&= nfs.canMount;
    if (!nfs.canMount) warnings.push(`kernel ${release} has no nfs: root mode nfs is not possible`);
    const lacking = (names: readonly string[]): string[] =>
      names.filter((name) => made.value.resolved.missing.includes(name));
    const [unattached, unkept] = [lacking(attachModules), lacking(cardModules)];
    canAttach &&= unattached.length === 0;
    canUpdateCard &&= unkept.length === 0;
    if (unattached.length > 0)
      warnings.push(`kernel ${release} has no ${unattached.join(', no ')}: root modes nbd and stream are not possible`);
    if (unkept.length > 0)
      warnings.push(`kernel ${release} has no ${unkept.join(', no ')}: root mode sd is not possible`);
  }
  if (parts.length === 0)
    return refusal('image.unfit', ['No kernel of the image can be booted from the network.', ...warnings].join(' '), {
      remedy: 'Use an image whose root has the modules of its kernel.',
    });
  const architectures = new Set(parts.map(({ architecture }) => architecture));
  const modules = parts.filter(({ kind }) => kind === 'modules');
  parts.push(...(await makeWifi(composer, volume, modules, { warnings, signal: options.signal })));
  for (const architecture of [...architectures].reverse())
    parts.unshift(await composer.composeCommon(architecture, options.signal));
  options.progress(targets.length, targets.length);
  return success({ parts, canAttach, canMount, canUpdateCard, warnings });
}

/** For cards of kernels that have drivers of radios. An image without Wi-Fi is as good as before: that it cannot be had is a warning. */
async function makeWifi(
  composer: InitramfsComposer,
  volume: Ext4Volume,
  modules: readonly InitramfsPart[],
  { warnings, signal }: { readonly warnings: string[]; readonly signal: AbortSignal },
): Promise<InitramfsPart[]> {
  const made: InitramfsPart[] = [];
  try {
    for (const { release, architecture } of modules) {
      const drivers = await composer.composeWifiDrivers(volume, release ?? '', architecture, signal);
      if (drivers !== undefined) made.push(drivers);
    }
    for (const architecture of new Set(made.map((each) => each.architecture)))
      made.push(await composer.composeWifiPrograms(architecture, signal));
    return made;
  } catch (fault) {
    if (!(fault instanceof ImageError || fault instanceof RefusedError)) throw fault;
    warnings.push(`cards of this image have no Wi-Fi: ${fault.message}`);
    return [];
  }
}

export function createInitramfsMaker({ composer, openSource }: InitramfsMakerDeps): InitramfsMaker {
  return {
    recipe: () => composer.recipe(),
    make: async (path, facts, options) => {
      try {
        return await withRoot(openSource, path, facts, (volume) =>
          makeParts(composer, volume, targetsOf(facts), options),
        );
      } catch (fault) {
        if (fault instanceof RefusedError) return fault.refusal;
        throw fault;
      }
    },
    makeCardPart: (architecture, signal) => composer.composeCard(architecture, signal),
    cardRecipe: () => composer.cardRecipe(),
    compression: (path, facts) =>
      withRoot(openSource, path, facts, async (volume) => {
        const releases = new Set(targetsOf(facts).map(({ release }) => release));
        return (await rootCompression(volume, [...releases])).compression;
      }),
  };
}
