/** start.elf and start4.elf: the firmware of the boards up to the Pi 4, once it runs (wire reference, section 5). */
import type { OperatingSystem, Stage } from './firmware-context.js';
import { createOsLoader, loadConfig, type OsLoader } from './os-loader.js';
import type { ConfigEntry, LoadedFile } from './types.js';

const readConfigAgain = async (stage: Stage): Promise<readonly ConfigEntry[]> =>
  (await loadConfig(stage, { followsIncludes: true, probesFirst: true })) ?? [];

const probeAll = async ({ files }: Stage, names: readonly string[]): Promise<void> => {
  for (const name of names) await files.probe(name);
};

/** A Pi 4 fetches the initramfs before its device tree, the older boards last. */
const initramfsEarly = (stage: Stage): boolean => stage.context.identity.model.chip === 'bcm2711';

const loadTree = async (stage: Stage, loader: OsLoader): Promise<LoadedFile | undefined> => {
  const dtb = await loader.loadDeviceTree();
  if (dtb === undefined)
    stage.context.emit({ type: 'warning', message: 'no device tree: the kernel starts without one' });
  return dtb;
};

const stubsOf = (stage: Stage, arm64: boolean): readonly string[] => {
  if (stage.context.identity.model.chip === 'bcm2711') return [arm64 ? 'armstub8-gic.bin' : 'armstub7-gic.bin'];
  return [arm64 ? 'armstub8.bin' : 'armstub8-32.bin'];
};

const recoveryKernels = (stage: Stage): readonly string[] =>
  stage.context.identity.model.chip === 'bcm2711'
    ? ['recovery8.img']
    : ['recovery8.img', 'recovery7.img', 'recovery.img'];

/**
 * Loads the operating system. config.txt is read four times over, as real boards do.
 * @throws FirmwareHalt when there is no kernel or the server falls silent.
 */
export const runStartElf = async (stage: Stage): Promise<OperatingSystem> => {
  const { files } = stage;
  await probeAll(stage, ['recovery.elf']);
  await readConfigAgain(stage);
  await probeAll(stage, ['dt-blob.bin', 'recovery.elf']);
  const config = await readConfigAgain(stage);
  await probeAll(stage, ['bootcfg.txt']);
  const loader = await createOsLoader(stage, config);
  const early = initramfsEarly(stage);
  const before = early ? await loader.loadInitramfs() : [];
  const dtb = await loadTree(stage, loader);
  const overlays = await loader.loadOverlays();
  await readConfigAgain(stage);
  const cmdline = await loader.loadCommandLine();
  await probeAll(stage, recoveryKernels(stage));
  const kernel = await loader.findKernel();
  await probeAll(stage, stubsOf(stage, kernel?.arm64 ?? false));
  const { file, arm64 } = await loader.loadKernel();
  const initramfs = early ? before : await loader.loadInitramfs();
  return {
    prefix: files.prefix,
    osPrefix: loader.osPrefix,
    kernel: file,
    arm64,
    initramfs,
    ...(dtb === undefined ? {} : { dtb }),
    overlays,
    cmdline,
    config,
  };
};
