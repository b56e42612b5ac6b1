/** Loads the operating system's files: the part that start*.elf and the Pi 5's bootloader have in common. */
import { asciiPart, readConfig } from './config-txt.js';
import { led, halt, type Stage } from './firmware-context.js';
import { textOf } from './firmware-files.js';
import {
  commandLineName,
  deviceTreeNames,
  initramfsNames,
  kernelCandidates,
  osPath,
  overlayNames,
  overlayPrefix,
  wantedOsPrefix,
  type KernelCandidate,
} from './kernel-choice.js';
import { overlayOnChip, readOverlayMap } from './overlay-map.js';
import type { ConfigEntry, LoadedFile } from './types.js';

/** Rounds of fetching what `include` names; nested includes need one each. */
const includeRounds = 8;

export const configName = ({ context }: Stage): string =>
  context.tryboot && context.trybootAB !== true ? 'tryboot.txt' : 'config.txt';

/** Fetches and reads config.txt with what it includes; undefined when there is none. */
export const loadConfig = async (
  stage: Stage,
  options: { readonly followsIncludes: boolean; readonly probesFirst: boolean },
): Promise<readonly ConfigEntry[] | undefined> => {
  const { files, context } = stage;
  const name = configName(stage);
  const file = options.probesFirst ? await files.load(name, 'text') : await files.read(name, 'text');
  if (file === undefined) return undefined;
  const { identity, tryboot, partition } = context;
  const where = partition === undefined ? {} : { partition };
  const board = { identity, tryboot, ...where, followsIncludes: options.followsIncludes };
  const includes = new Map<string, Buffer>();
  let config = readConfig(textOf(file), board, includes);
  for (let round = 0; round < includeRounds && config.missingIncludes.length > 0; round += 1) {
    for (const missing of config.missingIncludes) includes.set(missing, textOf(await files.load(missing, 'text')));
    config = readConfig(textOf(file), board, includes);
  }
  return config.entries;
};

/** The files of one operating system below a viable `os_prefix`. */
export interface OsLoader {
  readonly osPrefix: string;
  /** First kernel of the firmware's order that the server has. */
  findKernel(): Promise<KernelCandidate | undefined>;
  loadKernel(): Promise<{ readonly file: LoadedFile; readonly arm64: boolean }>;
  loadInitramfs(): Promise<readonly LoadedFile[]>;
  loadDeviceTree(): Promise<LoadedFile | undefined>;
  loadOverlays(): Promise<readonly LoadedFile[]>;
  /** First line of cmdline.txt; empty when there is none. */
  loadCommandLine(): Promise<string>;
}

const anyOf = async (
  names: readonly string[],
  exists: (name: string) => Promise<boolean>,
): Promise<string | undefined> => {
  for (const name of names) if (await exists(name)) return name;
  return undefined;
};

/** `os_prefix` counts only when the kernel and device tree are found with it. */
const viablePrefix = async (stage: Stage, config: readonly ConfigEntry[]): Promise<string> => {
  const wanted = wantedOsPrefix(config);
  if (wanted === '') return '';
  const { context, files } = stage;
  const { model } = context.identity;
  const exists = (name: string): Promise<boolean> => files.probe(osPath(wanted, name));
  const kernel = await anyOf(
    kernelCandidates(model, config).map(({ name }) => name),
    exists,
  );
  const tree = kernel === undefined ? undefined : await anyOf(deviceTreeNames(model, config, context.quirks), exists);
  if (tree !== undefined) return wanted;
  context.emit({ type: 'warning', message: `os_prefix ${wanted} ignored: kernel or device tree not found with it` });
  return '';
};

const memoized = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
};

/** overlay_map.dtb is asked for twice even when it is absent, as captured. */
const loadOverlayMap = async ({ files }: Stage, folder: string): Promise<ReturnType<typeof readOverlayMap>> => {
  const name = `${folder}overlay_map.dtb`;
  const file = await files.load(name, 'text');
  if (file === undefined) await files.probe(name);
  return readOverlayMap(textOf(file));
};

const overlayFolder = async ({ files }: Stage, osPrefix: string, folder: string): Promise<string> => {
  if (osPrefix === '') return folder;
  return (await files.probe(`${osPrefix}${folder}README`)) ? osPrefix + folder : folder;
};

const loadAllOverlays = async (
  stage: Stage,
  config: readonly ConfigEntry[],
  osPrefix: string,
): Promise<LoadedFile[]> => {
  const { files, context } = stage;
  const folder = await overlayFolder(stage, osPrefix, overlayPrefix(config));
  const map = await loadOverlayMap(stage, folder);
  const loaded: LoadedFile[] = [];
  for (const name of overlayNames(config)) {
    const onChip = overlayOnChip(map, name, context.identity.model.chip);
    const file = onChip === undefined ? undefined : await files.load(`${folder}${onChip}.dtbo`);
    if (file === undefined) context.emit({ type: 'warning', message: `overlay ${name} not loaded` });
    else loaded.push(file);
  }
  return loaded;
};

/** An initramfs of which a part is missing is not used at all: "Failed to load ... - initramfs disabled" (fw#1012). */
const loadInitramfsFiles = async (stage: Stage, paths: readonly string[]): Promise<LoadedFile[]> => {
  const loaded: LoadedFile[] = [];
  for (const path of paths) {
    const file = await stage.files.load(path);
    if (file === undefined) {
      stage.context.emit({ type: 'warning', message: `failed to load ${path}: initramfs disabled` });
      return [];
    }
    loaded.push(file);
  }
  return loaded;
};

/** First line, without what follows a NUL. */
export const firstLine = (bytes: Buffer): string => {
  const end = bytes.findIndex((byte) => byte === 0 || byte === 0x0a || byte === 0x0d);
  return bytes
    .subarray(0, end === -1 ? bytes.length : end)
    .toString('utf8')
    .trim();
};

/** Prepares the loader: decides `os_prefix`, asking for files when one is set. */
export const createOsLoader = async (stage: Stage, config: readonly ConfigEntry[]): Promise<OsLoader> => {
  const { files, context, afterwards } = stage;
  const { model } = context.identity;
  const osPrefix = await viablePrefix(stage, config);
  const path = (name: string): string => osPath(osPrefix, name);

  const findKernel = memoized(async () => {
    for (const candidate of kernelCandidates(model, config)) {
      if (await files.probe(path(candidate.name))) return candidate;
    }
    return undefined;
  });

  const noKernel = (): never => {
    const names = kernelCandidates(model, config).map(({ name }) => path(name));
    return halt('kernel', 'not-found', `no kernel: asked for ${names.join(', ')}`, led.noKernel, afterwards);
  };

  const loadKernel = async () => {
    const found = (await findKernel()) ?? noKernel();
    const file = (await files.load(path(found.name))) ?? noKernel();
    return { file, arm64: found.arm64 };
  };

  const loadInitramfs = async () => {
    const kernel = initramfsNames(config, 'kernel').length > 0 ? '' : ((await findKernel())?.name ?? '');
    return loadInitramfsFiles(stage, initramfsNames(config, kernel).map(path));
  };

  const loadDeviceTree = async () => {
    for (const name of deviceTreeNames(model, config, context.quirks)) {
      const file = await files.load(path(name));
      if (file !== undefined) return file;
    }
    return undefined;
  };

  const loadCommandLine = async () => {
    const bytes = textOf(await files.load(path(commandLineName(config)), 'text'));
    if (asciiPart(bytes).length < bytes.length)
      context.emit({ type: 'warning', message: 'the command line is not plain ASCII' });
    return firstLine(bytes);
  };

  return {
    osPrefix,
    findKernel,
    loadKernel,
    loadInitramfs,
    loadDeviceTree,
    loadOverlays: () => loadAllOverlays(stage, config, osPrefix),
    loadCommandLine,
  };
};
