/** What every stage of the firmware shares while one board boots once. */
import type { Clock } from './clock.js';
import { FirmwareHalt, type FirmwareFiles } from './firmware-files.js';
import type { BoardIdentity } from './identity.js';
import type { Random } from './random.js';
import type { BoardEvent, BootFailure, ConfigEntry, EepromSettings, FailureStep, LoadedFile, Quirks } from './types.js';

export interface FirmwareContext {
  readonly identity: BoardIdentity;
  readonly eeprom: EepromSettings;
  readonly quirks: Quirks;
  readonly clock: Clock;
  readonly random: Random;
  readonly tryboot: boolean;
  /** autoboot.txt chose another partition for tryboot: config.txt is read there, not tryboot.txt. */
  readonly trybootAB?: boolean;
  /** Partition of a card that is booted; none over a network. */
  readonly partition?: number;
  readonly emit: (event: BoardEvent) => void;
}

/** What the last stage hands to the ARM cores. */
export interface OperatingSystem {
  readonly prefix: string;
  /** `os_prefix` in force; empty when there is none, or it was not viable. */
  readonly osPrefix: string;
  readonly kernel: LoadedFile;
  readonly arm64: boolean;
  readonly initramfs: readonly LoadedFile[];
  readonly dtb?: LoadedFile;
  readonly overlays: readonly LoadedFile[];
  readonly cmdline: string;
  readonly config: readonly ConfigEntry[];
}

/** After a failed network boot the EEPROM waits five seconds and starts over (`BOOT_ORDER` ending in `f`). */
export const eepromRetry = { then: 'retry', retryAfterMs: 5_000 } as const;

/** The older boards stop until somebody pulls the plug. */
export const stopsForGood = { then: 'sleep', retryAfterMs: 0 } as const;

export type Afterwards = Pick<BootFailure, 'then' | 'retryAfterMs'>;

/** Ends the firmware stage with a failure. */
export const halt = (
  step: FailureStep,
  reason: string,
  message: string,
  shows: string,
  afterwards: Afterwards,
): never => {
  throw new FirmwareHalt({ step, reason, message, shows, ...afterwards });
};

/** LED codes of the vendor's table. */
export const led = {
  noFirmware: 'green LED flashes 4 times: start*.elf not found',
  noKernel: 'green LED flashes 7 times: kernel image not found',
  generic: 'green LED flashes 3 times: generic failure to boot',
} as const;

/** Files and settings a stage works with. */
export interface Stage {
  readonly context: FirmwareContext;
  readonly files: FirmwareFiles;
  readonly afterwards: Afterwards;
}
