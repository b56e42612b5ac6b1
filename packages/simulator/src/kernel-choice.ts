/** Which operating system files a board asks for, given its model and config.txt: pure functions of section 5 and the vendor's boot options. */
import { numberSetting, settingOf, settingsOf } from './config-txt.js';
import type { BoardModel } from './models.js';
import type { ConfigEntry, Quirks } from './types.js';

type Config = readonly ConfigEntry[];

export interface KernelCandidate {
  readonly name: string;
  readonly arm64: boolean;
}

const kernels64 = ['kernel8.img', 'kernel_2712.img'];
const kernels32 = ['kernel.img', 'kernel7.img', 'kernel7l.img', 'kernel8-32.img'];

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const explicitCandidate = (model: BoardModel, config: Config, name: string): KernelCandidate => {
  if (kernels64.includes(baseName(name))) return { name, arm64: true };
  if (kernels32.includes(baseName(name))) return { name, arm64: false };
  const wanted = numberSetting(config, 'arm_64bit');
  return { name, arm64: model.kernels32.length === 0 || (wanted === undefined ? model.arm64Default : wanted !== 0) };
};

/**
 * Kernels in the order the firmware looks for them; the first that exists is started. An explicit `kernel=` is the only candidate, and a known
 * name decides 32 or 64 bits. Without `arm_64bit` the other width is the last resort [I].
 */
export const kernelCandidates = (model: BoardModel, config: Config): readonly KernelCandidate[] => {
  const explicit = settingOf(config, 'kernel');
  if (explicit !== undefined && explicit !== '') return [explicitCandidate(model, config, explicit)];
  const wide = model.kernels64.map((name) => ({ name, arm64: true }));
  const narrow = model.kernels32.map((name) => ({ name, arm64: false }));
  if (narrow.length === 0) return wide;
  const wanted = numberSetting(config, 'arm_64bit');
  if (wanted !== undefined) return wanted === 0 ? narrow : wide;
  return model.arm64Default ? [...wide, ...narrow] : [...narrow, ...wide];
};

/** `kernel8.img` goes with `initramfs8`, `kernel_2712.img` with `initramfs_2712`; another name with none. */
const automaticInitramfs = (kernel: string): string | undefined => {
  const match = /^(.*\/)?kernel([^/]*)\.img$/.exec(kernel);
  return match === null ? undefined : `${match[1] ?? ''}initramfs${match[2] ?? ''}`;
};

/** Files of the initramfs: an explicit list (`initramfs a,b followkernel`, `ramfsfile=a,b`) replaces `auto_initramfs=1`. */
export const initramfsNames = (config: Config, kernel: string): readonly string[] => {
  const explicit = settingOf(config, 'initramfs')?.split(/\s+/)[0] ?? settingOf(config, 'ramfsfile');
  if (explicit !== undefined) return explicit.split(',').filter((name) => name !== '');
  const automatic = numberSetting(config, 'auto_initramfs') === 1 ? automaticInitramfs(kernel) : undefined;
  return automatic === undefined ? [] : [automatic];
};

const usesUpstream = (config: Config): boolean => numberSetting(config, 'upstream_kernel') === 1;

/** Device trees in the order asked; none when `device_tree=` is set to nothing. */
export const deviceTreeNames = (model: BoardModel, config: Config, quirks: Quirks): readonly string[] => {
  const explicit = settingOf(config, 'device_tree');
  if (explicit !== undefined) return explicit === '' ? [] : [explicit];
  const later = quirks.d0 ? model.dtbs.map((name) => name.replace(/^bcm2712-/, 'bcm2712d0-')) : [];
  const upstream = usesUpstream(config) && model.upstreamDtb !== undefined ? [model.upstreamDtb] : [];
  return [...new Set([...upstream, ...later, ...model.dtbs])];
};

/** Folder or name prefix of the operating system's files, before it is tested for being usable. */
export const wantedOsPrefix = (config: Config): string =>
  settingOf(config, 'os_prefix') ?? (usesUpstream(config) ? 'upstream/' : '');

export const overlayPrefix = (config: Config): string => settingOf(config, 'overlay_prefix') ?? 'overlays/';

/** Names of overlays, without parameters. */
export const overlayNames = (config: Config): readonly string[] => {
  const named = settingsOf(config, 'dtoverlay').map((value) => value.split(/[,:]/)[0]?.trim() ?? '');
  return named.filter((name) => name !== '');
};

export const commandLineName = (config: Config): string => settingOf(config, 'cmdline') ?? 'cmdline.txt';

/** A file of the operating system: a leading slash bypasses `os_prefix`. */
export const osPath = (osPrefix: string, name: string): string =>
  name.startsWith('/') ? name.slice(1) : osPrefix + name;

/** Firmware files of a board that loads start*.elf, as `start_file`, `start_x`, `start_debug` and `gpu_mem` choose them. */
export const startFiles = (model: BoardModel, config: Config): { readonly start: string; readonly fixup: string } => {
  const four = model.chip === 'bcm2711' ? '4' : '';
  const flavour = (): string => {
    if (numberSetting(config, 'start_x') === 1) return 'x';
    if (numberSetting(config, 'start_debug') === 1) return 'db';
    return numberSetting(config, 'gpu_mem') === 16 ? 'cd' : '';
  };
  const kind = flavour();
  const suffix = four === '4' || kind === '' ? four + kind : `_${kind}`;
  return {
    start: settingOf(config, 'start_file') ?? `start${suffix}.elf`,
    fixup: settingOf(config, 'fixup_file') ?? `fixup${suffix}.dat`,
  };
};
