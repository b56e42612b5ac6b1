import type { Model } from '@drover/contract';
import { modelTable, type ModelNeeds } from '@drover/disk-image';
import type { Architecture } from '../recipe/schema.js';

/** A kernel of Debian as it lies in a root: `/boot/vmlinuz-RELEASE`, its device trees in `/usr/lib/linux-image-RELEASE`. */
export interface RootKernel {
  readonly release: string;
  readonly path: string;
  /** Paths of its device trees. */
  readonly trees: readonly string[];
}

export interface BootPlanInput {
  readonly architecture: Architecture;
  /** Null: all that can be started. */
  readonly models: readonly Model[] | null;
  readonly kernel: RootKernel;
  /** Paths of the firmware's files in the root. */
  readonly firmware: readonly string[];
  /** What the image is called, for a person who reads config.txt. */
  readonly title: string;
  /** The recipe's own lines and parameters. */
  readonly config: readonly string[];
  readonly parameters: string;
  /** PARTUUID of the root partition of a card. */
  readonly rootPartition: string;
  /** Whether there is an initramfs, which is called {@link initramfsName}. */
  readonly initramfs: boolean;
}

export interface BootCopy {
  readonly from: string;
  readonly to: string;
}

export type BootPlan =
  | {
      readonly ok: true;
      /** Models that can be started. */
      readonly models: readonly Model[];
      readonly copies: readonly BootCopy[];
      readonly config: string;
      readonly cmdline: string;
    }
  | { readonly ok: false; readonly unfit: readonly { readonly model: Model; readonly reason: string }[] };

/** 8.3, as the oldest firmware reads nothing longer in a folder of FAT without long names. */
export const initramfsName = 'initrd.img';

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Why a model cannot be started with what there is. */
const reasonAgainst = (needs: ModelNeeds, { architecture, kernel, firmware }: BootPlanInput): string | undefined => {
  const kernels = architecture === 'arm64' ? needs.kernels64 : needs.kernels32;
  if (kernels.length === 0 || (architecture === 'armhf' && needs.armVersion < 7))
    return `it does not run kernels of ${architecture}`;
  const absent = needs.firmware.find(({ names }) => !firmware.some((path) => names.test(nameOf(path))));
  if (absent !== undefined) return `the firmware package has no ${absent.needs}`;
  if (!kernel.trees.some((path) => needs.upstreamTrees.test(nameOf(path))))
    return `Linux ${kernel.release} has no device tree for it`;
  return undefined;
};

/** What the firmware of these models looks for by itself. */
const kernelNames = (chosen: readonly ModelNeeds[], architecture: Architecture): string[] => {
  if (architecture === 'arm64') return ['kernel8.img'];
  const names = [...new Set(chosen.flatMap(({ kernels32 }) => kernels32))].sort();
  return names.length === 0 ? ['kernel7.img'] : names;
};

/** Stages of the firmware go with their memory split: `start4.elf` with `fixup4.dat`, `start_x.elf` with `fixup_x.dat`. */
const fixupOf = (start: string): string => start.replace(/^start/, 'fixup').replace(/\.elf$/, '.dat');

const firmwareOf = (chosen: readonly ModelNeeds[], firmware: readonly string[]): string[] => {
  const patterns = chosen.flatMap((needs) => needs.firmware.map(({ names }) => names));
  const wanted = new Set(firmware.map(nameOf).filter((name) => patterns.some((names) => names.test(name))));
  for (const name of [...wanted]) wanted.add(fixupOf(name));
  return firmware.filter((path) => wanted.has(nameOf(path)));
};

/** Mainline names for its device trees are looked for with `upstream_kernel=1`; both are lines of the vendor's documentation. */
const configText = ({ title, architecture, initramfs, config }: BootPlanInput): string =>
  [
    `# Made by Drover: ${title}. Lines of the recipe are at the end.`,
    `arm_64bit=${architecture === 'arm64' ? 1 : 0}`,
    'upstream_kernel=1',
    'enable_uart=1',
    ...(initramfs ? [`initramfs ${initramfsName} followkernel`] : []),
    ...(config.length === 0 ? [] : ['[all]', ...config]),
    '',
  ].join('\n');

const cmdlineText = ({ rootPartition, parameters }: BootPlanInput): string =>
  `${`console=tty0 console=ttyS1,115200 root=PARTUUID=${rootPartition} rootfstype=ext4 fsck.repair=yes rootwait ${parameters}`.trim()}\n`;

/** Started by an emulator or by somebody's own firmware, from the kernel alone. */
const isFree = (model: Model): boolean => model === 'virt' || model === 'other';

/** Models that are asked for and cannot be started, with the reason. */
const unfitFor = (input: BootPlanInput): { model: Model; reason: string }[] =>
  (input.models ?? []).flatMap((model) => {
    if (isFree(model)) return [];
    const needs = modelTable.find((each) => each.model === model);
    const reason = needs === undefined ? 'it is not known what its firmware needs' : reasonAgainst(needs, input);
    return reason === undefined ? [] : [{ model, reason }];
  });

/** Chooses the files of a boot partition from a root of Debian. Refuses when a model that is asked for cannot be started. */
export const planBoot = (input: BootPlanInput): BootPlan => {
  const unfit = unfitFor(input);
  if (unfit.length > 0) return { ok: false, unfit };
  const chosen = modelTable.filter(
    (needs) => input.models?.includes(needs.model) !== false && reasonAgainst(needs, input) === undefined,
  );
  const trees = input.kernel.trees.filter((path) =>
    chosen.some(({ upstreamTrees }) => upstreamTrees.test(nameOf(path))),
  );
  const copies = [
    ...firmwareOf(chosen, input.firmware).map((from) => ({ from, to: nameOf(from) })),
    ...trees.map((from) => ({ from, to: nameOf(from) })),
    ...kernelNames(chosen, input.architecture).map((to) => ({ from: input.kernel.path, to })),
  ];
  return {
    ok: true,
    models: [...chosen.map(({ model }) => model), ...(input.models ?? (['virt'] as const)).filter(isFree)],
    copies: copies.sort((a, b) => (a.to < b.to ? -1 : 1)),
    config: configText(input),
    cmdline: cmdlineText(input),
  };
};
