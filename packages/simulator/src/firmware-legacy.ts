/** The mask ROM and bootcode.bin of the Pi 2 and 3, up to start.elf (wire reference, sections 4 and 5). */
import { halt, led, type OperatingSystem, type Stage } from './firmware-context.js';
import { startFiles } from './kernel-choice.js';
import { loadConfig } from './os-loader.js';
import { runStartElf } from './start-elf.js';

/** The ROM: bootcode.bin from the root, in 512-byte blocks without options. */
export const runRom = async ({ files, afterwards }: Stage): Promise<void> => {
  const bootcode = await files.read('bootcode.bin');
  if (bootcode === undefined)
    halt('bootcode', 'not-found', 'bootcode.bin not found', 'nothing: the board goes to sleep', afterwards);
  await files.read('bootsig.bin');
};

/** bootcode.bin: looks for start.elf below the serial number, or drops the prefix; then loads start.elf and runs it. */
export const runBootcode = async (stage: Stage): Promise<OperatingSystem> => {
  const { files, context } = stage;
  const prefix = `${context.identity.shortSerial}/`;
  files.usePrefix(prefix);
  if (await files.probe('start.elf')) {
    await files.probe('start.elf');
  } else {
    context.emit({ type: 'prefix-dropped', prefix });
    files.usePrefix('');
  }
  await files.probe('autoboot.txt');
  return loadStartElf(stage);
};

/** start.elf, once it is decided where it comes from. */
export const loadStartElf = async (stage: Stage): Promise<OperatingSystem> => {
  const { files, context, afterwards } = stage;
  const config = (await loadConfig(stage, { followsIncludes: false, probesFirst: false })) ?? [];
  await files.probe('recovery.elf');
  const { start, fixup } = startFiles(context.identity.model, config);
  const firmware = await files.read(start);
  if (firmware === undefined || firmware.size === 0) {
    halt('bootloader', 'not-found', `${files.prefix}${start} not found`, led.noFirmware, afterwards);
  }
  if ((await files.read(fixup)) === undefined) {
    context.emit({ type: 'warning', message: `${fixup} not found: the memory split is a guess` });
  }
  return runStartElf(stage);
};
