/**
 * What a board's firmware chooses from an SD card (vendor pages on the boot flow, autoboot.txt, config.txt; wire reference, section 8). The
 * files are read by the code that reads them over a network. Nothing that is on a card makes it throw: a damaged card ends in a reason.
 */
import { readAutoboot } from './autoboot-txt.js';
import { fatPartitions, hasFatType, readPartitions, type FatPartition } from './card-partitions.js';
import { createClock } from './clock.js';
import type { DiskBytes } from './disk-bytes.js';
import { openFatImage, type FatImage } from './fat-image.js';
import { halt, led, stopsForGood, type FirmwareContext, type OperatingSystem, type Stage } from './firmware-context.js';
import { runEeprom2711, runEeprom2712 } from './firmware-eeprom.js';
import {
  createFirmwareFiles,
  FirmwareHalt,
  textOf,
  type FileTransport,
  type TransportResult,
} from './firmware-files.js';
import { loadStartElf, runRom } from './firmware-legacy.js';
import { joinInitramfs } from './handoff.js';
import { createIdentity, type BoardIdentity } from './identity.js';
import type { ModelName } from './models.js';
import { configName } from './os-loader.js';
import { createRandom } from './random.js';
import { defaultQuirks, eepromWith } from './settings.js';
import { ramdiskTransport } from './transports.js';
import type { BoardEvent, ConfigEntry, FailureStep, LoadedFile } from './types.js';

export interface CardBoot {
  /** The board; a model's name stands for one of that kind. */
  readonly board: ModelName | BoardIdentity;
  /** The one-shot flag of `reboot "0 tryboot"`. */
  readonly tryboot?: boolean;
  /** Partition given to `reboot`; it outranks autoboot.txt. 0 is none. */
  readonly partition?: number;
}

export interface ChosenFile {
  readonly path: string;
  readonly bytes: Buffer;
}

export interface CardSystem {
  readonly boots: true;
  readonly partition: number;
  /** `config.txt` or `tryboot.txt`. */
  readonly configFile: string;
  /** As it is in force: empty when kernel and device tree were not found with it. */
  readonly osPrefix: string;
  readonly kernel: ChosenFile;
  readonly arm64: boolean;
  /** Paths of the initramfs, and its files one after the other, as the kernel finds them. */
  readonly initramfs: { readonly paths: readonly string[]; readonly bytes: Buffer };
  readonly dtb: ChosenFile | undefined;
  readonly overlays: readonly ChosenFile[];
  /** First line of cmdline.txt. */
  readonly cmdline: string;
  readonly config: readonly ConfigEntry[];
  /** What the firmware did without. */
  readonly warnings: readonly string[];
}

export interface CardStop {
  readonly boots: false;
  readonly step: FailureStep | 'partition';
  /** Short stable word, such as `no-partition`, `not-found` or `damaged`. */
  readonly reason: string;
  readonly message: string;
  readonly warnings: readonly string[];
}

export type CardChoice = CardSystem | CardStop;

/** A file that is not whole ends the boot: the firmware cannot read it to its end. */
const cardTransport = (fat: FatImage): FileTransport => ({
  name: 'card',
  request: (path, sink) => {
    const look = fat.look(path);
    if (look.kind === 'damaged') return halt(stepOf(path), 'damaged', look.why, led.generic, stopsForGood);
    if (look.kind === 'none') return Promise.resolve<TransportResult>({ outcome: 'not-found', size: 0, resent: 0 });
    sink?.write(look.bytes);
    const outcome = sink === undefined ? 'terminated' : 'ok';
    return Promise.resolve<TransportResult>({ outcome, size: look.bytes.length, resent: 0 });
  },
});

const stepOf = (path: string): FailureStep => {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  if (name === 'cmdline.txt') return 'cmdline';
  if (name.endsWith('.txt')) return 'config';
  if (name.endsWith('.dtb') || name.endsWith('.dtbo')) return 'device-tree';
  if (name === 'bootcode.bin') return 'bootcode';
  if (/^(start|fixup|recover).*\.(elf|dat)$/.test(name)) return 'bootloader';
  return name.startsWith('kernel') ? 'kernel' : 'initramfs';
};

const stageOn = (context: FirmwareContext, transport: FileTransport): Stage => ({
  context,
  afterwards: stopsForGood,
  files: createFirmwareFiles({
    ...{ transport, content: 'memory', hashes: false, clock: context.clock },
    ...{ record: () => undefined, silence: stopsForGood },
  }),
});

const noPartition = (message: string): never => {
  throw new CardHalt({ step: 'partition', reason: 'no-partition', message });
};

/** Ends the search for a partition, which a network boot has not. */
class CardHalt extends Error {
  readonly failure: Pick<CardStop, 'step' | 'reason' | 'message'>;
  constructor(failure: Pick<CardStop, 'step' | 'reason' | 'message'>) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Files of which one makes a partition one that can be booted. */
const bootMarks = ({ identity: { model } }: FirmwareContext): readonly string[] => {
  if (model.chip === 'bcm2712') return ['config.txt'];
  return model.chip === 'bcm2711' ? ['start4.elf', 'start.elf'] : ['start.elf'];
};

/**
 * The partition that is first looked at. The mask ROM takes the first whose type says FAT, and no other (doc#1291); the bootloader of an EEPROM the
 * first that is FAT.
 */
const firstPartition = (
  disk: DiskBytes,
  partitions: readonly FatPartition[],
  context: FirmwareContext,
): FatPartition => {
  const { firstStage } = context.identity.model;
  const wanted = firstStage === 'ee' ? partitions[0]?.number : readPartitions(disk).find(hasFatType)?.number;
  const found = partitions.find(({ number }) => number === wanted);
  return found ?? noPartition('no bootable partition: none of the four of the table holds a FAT file system');
};

/** What was asked for where it can be booted, else the first that can. */
const bootPartition = (partitions: readonly FatPartition[], wanted: number, context: FirmwareContext): FatPartition => {
  const marks = bootMarks(context);
  const bootable = partitions.filter(({ fat }) => marks.some((name) => fat.look(name).kind !== 'none'));
  const named = bootable.find(({ number }) => number === wanted);
  if (wanted !== 0 && named === undefined)
    context.emit({ type: 'warning', message: `partition ${wanted} cannot be booted: the first that can is` });
  return named ?? bootable[0] ?? noPartition(`no bootable partition: none holds ${marks.join(' or ')}`);
};

/** A boot.img in memory is booted like a partition of tryboot_a_b. */
const loadRamdisk = async (context: FirmwareContext, image: Buffer): Promise<OperatingSystem> => {
  const fat = openFatImage(image);
  if (fat === undefined)
    return halt('boot-image', 'not-fat', 'boot.img is no FAT file system', led.generic, stopsForGood);
  const outcome = await runEeprom(stageOn({ ...context, trybootAB: true }, ramdiskTransport(fat)));
  if (outcome.kind === 'system') return outcome.system;
  return halt('boot-image', 'nested', `boot.img asks for another ${outcome.kind}`, led.generic, stopsForGood);
};

const runEeprom = (stage: Stage) =>
  stage.context.identity.model.chip === 'bcm2711' ? runEeprom2711(stage) : runEeprom2712(stage);

const loadSystem = async (stage: Stage): Promise<OperatingSystem> => {
  if (stage.context.identity.model.firstStage !== 'ee') return loadStartElf(stage);
  const outcome = await runEeprom(stage);
  if (outcome.kind === 'system') return outcome.system;
  const image = outcome.kind === 'ramdisk' ? outcome.image.bytes : undefined;
  return loadRamdisk(stage.context, image ?? Buffer.alloc(0));
};

const fileOf = ({ path, bytes }: LoadedFile): ChosenFile => ({ path, bytes: bytes ?? Buffer.alloc(0) });

const load = async (disk: DiskBytes, boot: CardBoot, base: FirmwareContext): Promise<Omit<CardSystem, 'warnings'>> => {
  const partitions = fatPartitions(disk);
  const first = firstPartition(disk, partitions, base);
  const firstStage = stageOn(base, cardTransport(first.fat));
  if (base.identity.model.firstStage !== 'ee') await runRom(firstStage);
  const autoboot = readAutoboot(textOf(await firstStage.files.read('autoboot.txt', 'text')), base);
  const wanted = boot.partition !== undefined && boot.partition !== 0 ? boot.partition : (autoboot.partition ?? 0);
  const { number, fat } = bootPartition(partitions, wanted, base);
  const context: FirmwareContext = { ...base, trybootAB: autoboot.trybootAB, partition: number };
  const stage = stageOn(context, cardTransport(fat));
  const system = await loadSystem(stage);
  const initramfs = system.initramfs.map(fileOf);
  return {
    ...{ boots: true, partition: number, configFile: configName(stage) },
    ...{ osPrefix: system.osPrefix, arm64: system.arm64, cmdline: system.cmdline, config: system.config },
    kernel: fileOf(system.kernel),
    initramfs: { paths: initramfs.map(({ path }) => path), bytes: joinInitramfs(initramfs.map(({ bytes }) => bytes)) },
    dtb: system.dtb === undefined ? undefined : fileOf(system.dtb),
    overlays: system.overlays.map(fileOf),
  };
};

const identityOf = (board: CardBoot['board']): BoardIdentity =>
  typeof board === 'string' ? createIdentity({ model: board, serial: 'abcdef01' }) : board;

/** Powers a board on with this card in it, up to the moment when the firmware would start the kernel or stops. */
export const chooseFromCard = async (disk: DiskBytes, boot: CardBoot): Promise<CardChoice> => {
  const warnings: string[] = [];
  const context: FirmwareContext = {
    ...{ identity: identityOf(boot.board), quirks: defaultQuirks, clock: createClock(), random: createRandom(1) },
    // From a card the bootloader is updated by recovery.bin only.
    eeprom: eepromWith({ ENABLE_SELF_UPDATE: 0 }),
    tryboot: boot.tryboot ?? false,
    emit: (event: BoardEvent) => void (event.type === 'warning' && warnings.push(event.message)),
  };
  try {
    return { ...(await load(disk, boot, context)), warnings };
  } catch (error) {
    if (!(error instanceof FirmwareHalt) && !(error instanceof CardHalt)) throw error;
    const { step, reason, message } = error.failure;
    return { boots: false, step, reason, message, warnings };
  }
};
