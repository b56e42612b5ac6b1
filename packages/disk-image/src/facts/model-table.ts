import type { PiModel } from './types.js';

/** What the firmware of a model looks for (Raspberry Pi documentation: boot folder contents, `kernel`, `arm_64bit`). */
export interface ModelNeeds {
  model: PiModel;
  /** Each group must be met by one of its files. */
  firmware: { needs: string; names: RegExp }[];
  /** Kernel names by mode. Empty: the processor has no such mode. */
  kernels32: string[];
  kernels64: string[];
  /** What `arm_64bit` is when config.txt does not say. */
  default64: boolean;
  /** Device trees the firmware asks for, and those it prefers with `upstream_kernel=1`. */
  trees: RegExp;
  upstreamTrees: RegExp;
  /** ARM architecture of the processor. */
  armVersion: 6 | 7 | 8;
}

const oldFirmware = [
  { needs: 'bootcode.bin', names: /^bootcode\.bin$/u },
  { needs: 'start.elf', names: /^start(_cd|_x|_db)?\.elf$/u },
];
const pi4Firmware = [{ needs: 'start4.elf', names: /^start4(cd|x|db)?\.elf$/u }];

const armV6 = {
  firmware: oldFirmware,
  kernels32: ['kernel.img'],
  kernels64: [],
  default64: false,
  armVersion: 6,
} as const;
const armV8 = {
  firmware: oldFirmware,
  kernels32: ['kernel7.img'],
  kernels64: ['kernel8.img'],
  default64: false,
  armVersion: 8,
} as const;
const bcm2711 = { ...armV8, firmware: pi4Firmware, kernels32: ['kernel7l.img'], default64: true } as const;
const bcm2712 = {
  firmware: [],
  kernels32: [],
  kernels64: ['kernel_2712.img', 'kernel8.img'],
  default64: true,
  armVersion: 8,
} as const;

type Part = Omit<ModelNeeds, 'model' | 'trees' | 'upstreamTrees' | 'firmware' | 'kernels32' | 'kernels64'> & {
  firmware: readonly ModelNeeds['firmware'][number][];
  kernels32: readonly string[];
  kernels64: readonly string[];
};

function needs(model: PiModel, part: Part, trees: RegExp, upstreamTrees: RegExp): ModelNeeds {
  const { firmware, kernels32, kernels64 } = part;
  return {
    ...part,
    firmware: [...firmware],
    kernels32: [...kernels32],
    kernels64: [...kernels64],
    model,
    trees,
    upstreamTrees,
  };
}

/** In the order of `piModels`. */
export const modelTable: readonly ModelNeeds[] = [
  needs('pi0', armV6, /^bcm2708-rpi-zero\.dtb$/u, /^bcm2835-rpi-zero\.dtb$/u),
  needs('pi0w', armV6, /^bcm2708-rpi-zero-w\.dtb$/u, /^bcm2835-rpi-zero-w\.dtb$/u),
  needs('pi02w', armV8, /^bcm2710-rpi-zero-2(-w)?\.dtb$/u, /^bcm2837-rpi-zero-2-w\.dtb$/u),
  needs('pi1', armV6, /^bcm2708-rpi-b(-plus|-rev1)?\.dtb$/u, /^bcm2835-rpi-(a|b)(-plus|-rev2)?\.dtb$/u),
  needs('pi2', { ...armV8, armVersion: 7 }, /^bcm27(09|10)-rpi-2-b\.dtb$/u, /^bcm283[67]-rpi-2-b\.dtb$/u),
  needs('pi3', armV8, /^bcm2710-rpi-3-b\.dtb$/u, /^bcm2837-rpi-3-b\.dtb$/u),
  needs('pi3+', armV8, /^bcm2710-rpi-3-b-plus\.dtb$/u, /^bcm2837-rpi-3-b-plus\.dtb$/u),
  needs('pi4', bcm2711, /^bcm2711-rpi-4-b\.dtb$/u, /^bcm2711-rpi-4-b\.dtb$/u),
  needs('pi400', bcm2711, /^bcm2711-rpi-400\.dtb$/u, /^bcm2711-rpi-400\.dtb$/u),
  needs('cm4', bcm2711, /^bcm2711-rpi-cm4\.dtb$/u, /^bcm2711-rpi-cm4(-io)?\.dtb$/u),
  needs('pi5', bcm2712, /^bcm2712(d0)?-rpi-5-b\.dtb$/u, /^bcm2712(-d)?-rpi-5-b\.dtb$/u),
  needs('pi500', bcm2712, /^bcm2712-rpi-500\.dtb$/u, /^bcm2712-rpi-500\.dtb$/u),
  needs('cm5', bcm2712, /^bcm2712-rpi-cm5.*\.dtb$/u, /^bcm2712-rpi-cm5.*\.dtb$/u),
];

/**
 * The architectures of Debian whose programs a model runs, with a kernel of the same; Debian's armhf is ARMv7 and later. Undefined: the model is not in this table.
 */
export const debianArchitectures = (model: string): ('arm64' | 'armhf')[] | undefined => {
  const needed = modelTable.find((each) => each.model === model);
  if (needed === undefined) return undefined;
  return [
    ...(needed.armVersion === 8 ? (['arm64'] as const) : []),
    ...(needed.armVersion >= 7 && needed.kernels32.length > 0 ? (['armhf'] as const) : []),
  ];
};
