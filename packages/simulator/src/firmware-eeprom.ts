/** The bootloader in the EEPROM of Pi 4 and later (wire reference, sections 3 to 7). */
import { numberSetting } from './config-txt.js';
import { halt, led, type OperatingSystem, type Stage } from './firmware-context.js';
import { textOf } from './firmware-files.js';
import { startFiles } from './kernel-choice.js';
import { configName, createOsLoader, loadConfig } from './os-loader.js';
import { runStartElf } from './start-elf.js';
import type { BootSignature } from './boot-signature.js';
import { readBootSignature } from './boot-signature.js';
import type { ConfigEntry, LoadedFile } from './types.js';

/** What the EEPROM stage comes to: a system to start, an update to flash, or a RAM disk to go on from. */
export type EepromOutcome =
  | { readonly kind: 'system'; readonly system: OperatingSystem }
  | { readonly kind: 'update'; readonly timestamp: number; readonly sha256: string }
  | { readonly kind: 'ramdisk'; readonly image: LoadedFile };

/** Directory prefix of the board's settings: serial number, a literal string, or the MAC with dashes. */
export const prefixOf = ({ context: { eeprom, identity } }: Stage): string => {
  if (eeprom.TFTP_PREFIX === 1) return eeprom.TFTP_PREFIX_STR;
  if (eeprom.TFTP_PREFIX === 2) return `${identity.mac.replaceAll(':', '-')}/`;
  return `${identity.shortSerial}/`;
};

const dropPrefix = ({ files, context }: Stage): void => {
  if (files.prefix === '') return;
  context.emit({ type: 'prefix-dropped', prefix: files.prefix });
  files.usePrefix('');
};

const wantsUpdates = ({ context }: Stage, config: readonly ConfigEntry[]): boolean =>
  context.eeprom.ENABLE_SELF_UPDATE === 1 && numberSetting(config, 'bootloader_update') !== 0;

/** pieeprom.sig newer than what is installed: fetch pieeprom.upd and check it. Undefined when there is nothing to do. */
const findUpdate = async (stage: Stage, config: readonly ConfigEntry[]): Promise<BootSignature | undefined> => {
  const { files, context } = stage;
  if (!wantsUpdates(stage, config)) return undefined;
  const signature = readBootSignature(textOf(await files.read('pieeprom.sig', 'text')));
  if (signature?.timestamp === undefined || signature.timestamp <= context.eeprom.updateTimestamp) return undefined;
  const update = await files.read('pieeprom.upd');
  if (update === undefined) return undefined;
  if (update.sha256 === undefined || update.sha256 === signature.sha256) return signature;
  context.emit({ type: 'warning', message: 'pieeprom.upd does not match pieeprom.sig: not flashed' });
  return undefined;
};

const flashed = (update: BootSignature): EepromOutcome => ({
  kind: 'update',
  timestamp: update.timestamp ?? 0,
  sha256: update.sha256,
});

const loadRamdisk = async (stage: Stage): Promise<EepromOutcome> => {
  const image = await stage.files.load('boot.img', 'text');
  if (image === undefined)
    return halt('boot-image', 'not-found', 'boot_ramdisk=1 but boot.img not found', led.generic, stage.afterwards);
  return { kind: 'ramdisk', image };
};

const wantsRamdisk = (config: readonly ConfigEntry[]): boolean => numberSetting(config, 'boot_ramdisk') === 1;

const noFirmware = (stage: Stage, name: string, reason: string): never =>
  halt(
    'bootloader',
    reason,
    `${stage.files.prefix}${name} ${reason === 'empty' ? 'is empty' : 'not found'}`,
    led.noFirmware,
    stage.afterwards,
  );

/** Pi 4, 400, CM4: the prefix stays when start4.elf or start.elf is found with it. */
export const runEeprom2711 = async (stage: Stage): Promise<EepromOutcome> => {
  const { files, context } = stage;
  if (!(await files.probe('start4.elf')) && !(await files.probe('start.elf'))) dropPrefix(stage);
  const config = (await loadConfig(stage, { followsIncludes: false, probesFirst: false })) ?? [];
  await files.read('vl805.sig', 'text');
  const update = await findUpdate(stage, config);
  if (update !== undefined) return flashed(update);
  if (wantsRamdisk(config)) return loadRamdisk(stage);
  await files.probe('recover4.elf');
  await files.probe('recovery.elf');
  const { start, fixup } = startFiles(context.identity.model, config);
  const firmware = await files.load(start);
  if (firmware === undefined) noFirmware(stage, start, 'not-found');
  else if (firmware.size === 0) noFirmware(stage, start, 'empty');
  if ((await files.read(fixup)) === undefined) context.emit({ type: 'warning', message: `${fixup} not found` });
  return { kind: 'system', system: await runStartElf(stage) };
};

const loadSystem2712 = async (stage: Stage, config: readonly ConfigEntry[]): Promise<OperatingSystem> => {
  const { files, afterwards } = stage;
  const loader = await createOsLoader(stage, config);
  const cmdline = await loader.loadCommandLine();
  const dtb = await loader.loadDeviceTree();
  const found = await loader.findKernel();
  if (found !== undefined && dtb === undefined && numberSetting(config, 'os_check') !== 0) {
    halt(
      'device-tree',
      'os-check',
      `${found.name} comes without a device tree for this board`,
      'screen: "this OS does not indicate support for this board"',
      afterwards,
    );
  }
  const { file, arm64 } = await loader.loadKernel();
  const initramfs = await loader.loadInitramfs();
  const overlays = await loader.loadOverlays();
  await files.probe('armstub8-2712.bin');
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

/** Pi 5, 500, CM5: no start*.elf; the prefix stays when config.txt is found with it. */
export const runEeprom2712 = async (stage: Stage): Promise<EepromOutcome> => {
  const read = () => loadConfig(stage, { followsIncludes: true, probesFirst: false });
  let config = await read();
  if (config === undefined && stage.files.prefix !== '') {
    dropPrefix(stage);
    config = await read();
  }
  if (config === undefined) {
    return halt(
      'config',
      'not-found',
      `${configName(stage)} not found`,
      'screen: "config.txt not found", then the next boot mode',
      stage.afterwards,
    );
  }
  const update = await findUpdate(stage, config);
  if (update !== undefined) return flashed(update);
  if (wantsRamdisk(config)) return loadRamdisk(stage);
  return { kind: 'system', system: await loadSystem2712(stage, config) };
};
