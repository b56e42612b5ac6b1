import type { Model } from '@drover/contract';
import { possibleValues, type ConfigLine, type ConfigReader } from './boot-config.js';
import type { BootPlan, BootTree, BootTreeKernel, InitramfsPart } from './boot-plan.js';

interface ModelBoot {
  /** Names a `[filter]` may use for this board. */
  readonly filters: readonly string[];
  /** Kernels it looks for, in order. Vendor's page on `kernel` and `arm_64bit`. */
  readonly wide: readonly string[];
  readonly narrow: readonly string[];
  /** `arm_64bit` where config.txt does not say. */
  readonly wideByDefault: boolean;
}

const wide = ['kernel8.img'];
const first = { wide: [], narrow: ['kernel.img'], wideByDefault: false };
const second = { wide, narrow: ['kernel7.img'], wideByDefault: false };
const third = { wide, narrow: ['kernel8-32.img', 'kernel7.img'], wideByDefault: false };
const fourth = { wide, narrow: ['kernel7l.img'], wideByDefault: true };
const fifth = { wide: ['kernel_2712.img', 'kernel8.img'], narrow: [], wideByDefault: true };

/** Boards; what is not here (virt, other) may choose any kernel. */
const modelBoots: Partial<Record<Model, ModelBoot>> = {
  pi0: { filters: ['pi0'], ...first },
  pi0w: { filters: ['pi0', 'pi0w'], ...first },
  pi02w: { filters: ['pi0', 'pi0w', 'pi02'], ...third },
  pi1: { filters: ['pi1'], ...first },
  pi2: { filters: ['pi2'], ...second },
  pi3: { filters: ['pi3'], ...third },
  'pi3+': { filters: ['pi3', 'pi3+'], ...third },
  cm3: { filters: ['pi3', 'cm3'], ...third },
  pi4: { filters: ['pi4'], ...fourth },
  pi400: { filters: ['pi4', 'pi400'], ...fourth },
  cm4: { filters: ['pi4', 'cm4'], ...fourth },
  pi5: { filters: ['pi5'], ...fifth },
  pi500: { filters: ['pi5', 'pi500'], ...fifth },
  cm5: { filters: ['pi5', 'cm5'], ...fifth },
};

/** One model for each `[filter]` that tells boards with different kernels apart. */
export const filterModels: readonly (readonly [filter: string, model: Model])[] = [
  ['pi1', 'pi1'],
  ['pi2', 'pi2'],
  ['pi3', 'pi3'],
  ['pi4', 'pi4'],
  ['pi5', 'pi5'],
];

export const isKnownBoard = (model: Model): boolean => modelBoots[model] !== undefined;

export const readerOf = (model: Model, bootPrefix: string | null): ConfigReader => ({
  names: modelBoots[model]?.filters,
  serial: bootPrefix,
});

export type ConfigFiles = ReadonlyMap<string, readonly ConfigLine[]>;

/** Each prefix has files rendered of its own. */
const mostPrefixes = 16;

/** Values `os_prefix` may have, the empty one included, without leading slashes. */
export const osPrefixes = (files: ConfigFiles, reader: ConfigReader): string[] => {
  const { possible } = possibleValues(files, 'os_prefix', reader);
  return [...new Set(['', ...possible.slice(-mostPrefixes).map((prefix) => prefix.replace(/^\/+/, ''))])];
};

const sameFile = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * Kernels of the image the board may start, the likeliest first. With what cannot be known here (a GPIO filter, an unknown model) there are several.
 * Empty: none of the image's kernels is one this board looks for.
 */
export function possibleKernels(
  tree: BootTree,
  files: ConfigFiles,
  model: Model,
  bootPrefix: string | null,
): BootTreeKernel[] {
  const reader = readerOf(model, bootPrefix);
  const find = (name: string): BootTreeKernel[] =>
    osPrefixes(files, reader)
      .reverse()
      .flatMap((prefix) => tree.kernels.filter((kernel) => sameFile(kernel.file, prefix + name.replace(/^\/+/, ''))));
  const named = possibleValues(files, 'kernel', reader);
  const board = modelBoots[model];
  if (board === undefined) return [...new Set([...named.possible.flatMap(find), ...tree.kernels])];
  const certain = named.certain === undefined ? [] : find(named.certain);
  const byDefault = certain.length > 0 ? [] : defaultKernels(files, reader, board, find);
  return [...new Set([...certain, ...byDefault, ...named.possible.flatMap(find)])];
}

function defaultKernels(
  files: ConfigFiles,
  reader: ConfigReader,
  board: ModelBoot,
  find: (name: string) => BootTreeKernel[],
): BootTreeKernel[] {
  const { certain, possible } = possibleValues(files, 'arm_64bit', reader);
  const wideFirst = certain === undefined ? board.wideByDefault : certain !== '0';
  const firstOf = (names: readonly string[]): BootTreeKernel[] =>
    names.map(find).find((found) => found.length > 0) ?? [];
  const [wanted, other] = wideFirst
    ? [firstOf(board.wide), firstOf(board.narrow)]
    : [firstOf(board.narrow), firstOf(board.wide)];
  const undecided = possible.some((value) => (value !== '0') !== wideFirst);
  return undecided || wanted.length === 0 ? [...wanted, ...other] : wanted;
}

type PartArchitecture = InitramfsPart['architecture'];

/**
 * Helpers are chosen by the kernel, not by the root. A 32-bit kernel tells by its name for which boards it is: `v7`, `v7l` and
 * Debian's `armmp` run on ARMv7 and later; every other may run on the ARMv6 of a Pi 1 or Zero.
 */
export function partArchitecture({
  architecture,
  release,
}: Pick<BootTreeKernel, 'architecture' | 'release'>): PartArchitecture | undefined {
  if (architecture === 'arm64') return 'arm64';
  if (architecture === 'other') return undefined;
  return /(^|[-+.])v[78]l?([-+.]|$)|armmp/.test(release ?? '') ? 'armhf' : 'armel';
}

const fits = (part: InitramfsPart, kernel: BootTreeKernel): boolean =>
  kernel.architecture === 'arm64' ? part.architecture === 'arm64' : part.architecture !== 'arm64';

/** Of a plan, or of whatever else has an initramfs. */
type Parts = Pick<BootPlan, 'initramfs'>;

/** Module parts of a kernel; of every kernel of its kind when its own release is not known. */
function moduleParts(plan: Parts, kernel: BootTreeKernel): InitramfsPart[] {
  const parts = plan.initramfs.filter((part) => part.kind === 'modules' && fits(part, kernel));
  const own = parts.filter((part) => part.release === kernel.release);
  return own.length > 0 ? own : parts;
}

/** The initramfs of one processor architecture: its parts in order, the common one first. */
export interface InitramfsImage {
  readonly architecture: PartArchitecture;
  readonly parts: readonly InitramfsPart[];
}

/** Initramfs images the kernels need, in the order of the kernels; one where all are of an architecture. */
export function initramfsImages(plan: Parts, kernels: readonly BootTreeKernel[]): InitramfsImage[] {
  const modules = new Map<PartArchitecture, Set<InitramfsPart>>();
  for (const part of kernels.flatMap((kernel) => moduleParts(plan, kernel))) {
    modules.set(part.architecture, (modules.get(part.architecture) ?? new Set()).add(part));
  }
  if (modules.size === 0) return commonOnly(plan, kernels);
  return [...modules].map(([architecture, parts]) => ({
    architecture,
    parts: [...shared(plan, architecture), ...parts, ...drivers(plan, parts)],
  }));
}

/** What is in front of the modules, whatever the kernel. */
const shared = ({ initramfs }: Parts, architecture: PartArchitecture): InitramfsPart[] =>
  (['common', 'card', 'wifi'] as const).flatMap((kind) =>
    initramfs.filter((part) => part.kind === kind && part.release === null && part.architecture === architecture),
  );

/** Drivers of radios, and what mounts NFS, of the kernels that these modules are for. */
const drivers = ({ initramfs }: Parts, modules: ReadonlySet<InitramfsPart>): InitramfsPart[] => {
  const kernels = new Set([...modules].map(({ architecture, release }) => `${architecture} ${release}`));
  return initramfs.filter(
    ({ kind, architecture, release }) =>
      (kind === 'wifi' || kind === 'nfs') && release !== null && kernels.has(`${architecture} ${release}`),
  );
};

/** Kernels with everything built in have no modules part. */
const commonOnly = (plan: Parts, kernels: readonly BootTreeKernel[]): InitramfsImage[] =>
  plan.initramfs
    .filter((part) => part.kind === 'common' && (kernels.length === 0 || kernels.some((kernel) => fits(part, kernel))))
    .map(({ architecture }) => ({ architecture, parts: shared(plan, architecture) }));
