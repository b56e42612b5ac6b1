import type { BootPartition } from './boot.js';
import { settingsFor } from './config-txt.js';
import { modelTable, type ModelNeeds } from './model-table.js';
import type { BootKernel, ModelVerdict, RootFacts } from './types.js';

/** Kernel names that make the firmware choose the mode by themselves. */
const known64 = new Set(['kernel8.img', 'kernel_2712.img']);
const known32 = new Set(['kernel.img', 'kernel7.img', 'kernel7l.img']);

type Settings = ReadonlyMap<string, string>;

interface Choice {
  path: string;
  is64: boolean;
}

const wants64 = (needs: ModelNeeds, settings: Settings): boolean | undefined => {
  const value = settings.get('arm_64bit');
  const hasBoth = needs.kernels32.length > 0 && needs.kernels64.length > 0;
  return value === undefined || !hasBoth ? undefined : value !== '0' && value !== '';
};

/** Kernels in the order the firmware would take them. */
function kernelChoices(needs: ModelNeeds, settings: Settings, prefix: string): Choice[] {
  const explicit = settings.get('kernel');
  const mode = wants64(needs, settings);
  if (explicit !== undefined && explicit !== '') {
    const name = explicit.toLowerCase();
    const byName = known64.has(name) ? true : known32.has(name) ? false : undefined;
    const is64 = needs.kernels64.length > 0 && (byName ?? mode ?? needs.default64);
    return [{ path: prefix + explicit, is64 }];
  }
  const list = (names: readonly string[], is64: boolean): Choice[] =>
    names.map((name) => ({ path: prefix + name, is64 }));
  const choices64 = list(needs.kernels64, true);
  const choices32 = list(needs.kernels32, false);
  if (mode !== undefined) return mode ? choices64 : choices32;
  return needs.default64 ? [...choices64, ...choices32] : [...choices32, ...choices64];
}

function findTree(needs: ModelNeeds, settings: Settings, boot: BootPartition, prefix: string): string | undefined {
  const explicit = settings.get('device_tree');
  if (explicit !== undefined && explicit !== '') {
    return boot.facts.deviceTrees.find((path) => path.toLowerCase() === (prefix + explicit).toLowerCase());
  }
  const inPrefix = boot.facts.deviceTrees
    .filter((path) => path.toLowerCase().startsWith(prefix.toLowerCase()))
    .map((path) => ({ path, name: path.slice(prefix.length).toLowerCase() }));
  const matching = (names: RegExp): string | undefined => inPrefix.find(({ name }) => names.test(name))?.path;
  const upstream = settings.get('upstream_kernel') === '1' ? matching(needs.upstreamTrees) : undefined;
  return upstream ?? matching(needs.trees);
}

interface Found {
  kernel: BootKernel | { file: string; architecture?: undefined };
  is64: boolean;
  tree: string | undefined;
}

/** What the firmware finds below one prefix: `os_prefix`, or none. */
function findBelow(needs: ModelNeeds, settings: Settings, boot: BootPartition, prefix: string): Found | undefined {
  const choice = kernelChoices(needs, settings, prefix).find(({ path }) => boot.files.has(path.toLowerCase()));
  if (choice === undefined) return undefined;
  const path = choice.path.toLowerCase();
  const kernel = boot.facts.kernels.find(({ file }) => file.toLowerCase() === path) ?? { file: choice.path };
  return { kernel, is64: choice.is64, tree: findTree(needs, settings, boot, prefix) };
}

/** The prefix counts only when both kernel and device tree are found below it. */
function findBootFiles(needs: ModelNeeds, settings: Settings, boot: BootPartition): Found | undefined {
  const upstream = settings.get('upstream_kernel') === '1' ? 'upstream/' : '';
  const prefix = settings.get('os_prefix') ?? upstream;
  const prefixed = prefix === '' ? undefined : findBelow(needs, settings, boot, prefix);
  return prefixed?.tree !== undefined ? prefixed : findBelow(needs, settings, boot, '');
}

function missingFirmware(needs: ModelNeeds, boot: BootPartition): string | undefined {
  const missing = needs.firmware.find(({ names }) => ![...boot.files].some((path) => names.test(path)));
  return missing === undefined ? undefined : `${missing.needs} is not on the boot partition`;
}

function missingKernel(needs: ModelNeeds, settings: Settings): string {
  const names = kernelChoices(needs, settings, '').map(({ path }) => path);
  return `${names.join(' or ')} is not on the boot partition`;
}

/** Whether the root's programs run on this processor under this kernel. */
function rootMismatch(needs: ModelNeeds, found: Found, root: RootFacts | null): string | undefined {
  if (root?.architecture === undefined) return undefined;
  if (root.architecture === 'other') return "the root's programs are not for ARM";
  if (root.architecture === 'arm64') {
    return found.is64 ? undefined : `the root's programs are 64-bit, but ${found.kernel.file} runs in 32-bit mode`;
  }
  if (root.armVersion === undefined || root.armVersion <= needs.armVersion) return undefined;
  return `the root's programs need ARMv${root.armVersion}, the processor is ARMv${needs.armVersion}`;
}

function kernelMismatch(found: Found): string | undefined {
  const { architecture, file } = found.kernel;
  if (architecture === undefined || (architecture === 'arm64') === found.is64) return undefined;
  return `${file} is a kernel for ${architecture}, but the firmware starts it in ${found.is64 ? 64 : 32}-bit mode`;
}

function noteFor(needs: ModelNeeds, found: Found): string | undefined {
  if (found.kernel.architecture === undefined) return `${found.kernel.file} was not recognised as a Linux kernel`;
  return needs.model === 'pi2' && found.is64
    ? 'only on a Pi 2 of version 1.2, which has a 64-bit processor'
    : undefined;
}

function judge(needs: ModelNeeds, boot: BootPartition, root: RootFacts | null): ModelVerdict {
  const { model } = needs;
  const settings = settingsFor(boot.config, model);
  const leftOut = (reason: string): ModelVerdict => ({ model, boots: false, reason });
  const firmware = missingFirmware(needs, boot);
  if (firmware !== undefined) return leftOut(firmware);
  const found = findBootFiles(needs, settings, boot);
  if (found === undefined) return leftOut(missingKernel(needs, settings));
  if (found.tree === undefined) return leftOut('its device tree is not on the boot partition');
  const mismatch = kernelMismatch(found) ?? rootMismatch(needs, found, root);
  if (mismatch !== undefined) return leftOut(mismatch);
  const note = noteFor(needs, found);
  return {
    model,
    boots: true,
    kernel: found.kernel.file,
    deviceTree: found.tree,
    ...(note === undefined ? {} : { note }),
  };
}

/** Which models an image can boot, with the reason for each that it cannot. */
export function judgeModels(boot: BootPartition, root: RootFacts | null): ModelVerdict[] {
  return modelTable.map((needs) => judge(needs, boot, root));
}
