import type { KernelFacts } from '../kernel/types.js';
import type { PartitionTable } from '../partition/types.js';

export const piModels = [
  'pi0',
  'pi0w',
  'pi02w',
  'pi1',
  'pi2',
  'pi3',
  'pi3+',
  'pi4',
  'pi400',
  'cm4',
  'pi5',
  'pi500',
  'cm5',
] as const;
export type PiModel = (typeof piModels)[number];

/** `armhf` needs hardware floating point, `armel` runs without. */
export type RootArchitecture = 'arm64' | 'armhf' | 'armel' | 'other';
export type InitSystem = 'systemd' | 'sysvinit' | 'busybox' | 'openrc' | 'unknown';

export interface OsRelease {
  id?: string;
  idLike?: string;
  versionId?: string;
  codename?: string;
  prettyName?: string;
}

export interface BootKernel extends KernelFacts {
  /** Path on the boot partition. */
  file: string;
  /** Bytes. */
  size: number;
  /** The root has a modules folder of this kernel's release. False also when the release is unknown. */
  modulesPresent: boolean;
}

export interface BootFacts {
  /** Number of the partition. */
  partition: number;
  fat: 'fat12' | 'fat16' | 'fat32';
  label: string;
  files: number;
  /** Bytes of all files. */
  usedBytes: number;
  kernels: BootKernel[];
  /** Paths of initramfs files. */
  initramfs: string[];
  /** Paths of device trees, without overlays. */
  deviceTrees: string[];
  /** Names such as `bootcode.bin`, `start4.elf`, `fixup4.dat`. */
  firmware: string[];
  /** Text, at most 64 KiB. */
  configTxt?: string;
  cmdlineTxt?: string;
}

export interface RootFacts {
  partition: number;
  label: string;
  uuid: string;
  /** Bytes of the file system, and of them in use. */
  size: number;
  usedBytes: number;
  needsRecovery: boolean;
  osRelease?: OsRelease;
  /** Undefined when no program was found to judge by. */
  architecture?: RootArchitecture;
  /** The least ARM architecture its programs are made for, when 32-bit programs say so: 5, 6, 7. */
  armVersion?: number;
  init: InitSystem;
  /** Kernel releases with a modules folder. */
  moduleReleases: string[];
}

export interface ModelVerdict {
  model: PiModel;
  boots: boolean;
  /** Kernel and device tree the firmware would take. */
  kernel?: string;
  deviceTree?: string;
  /** Why not, in plain words. Set when `boots` is false. */
  reason?: string;
  /** What to know although it boots: `only on a Pi 2 of version 1.2`. */
  note?: string;
}

export interface ImageFacts {
  /** Bytes. */
  size: number;
  partitionTable: PartitionTable;
  boot: BootFacts;
  /** `null` when the image has a boot partition only. */
  root: RootFacts | null;
  /** One for every model in `piModels`, in that order. */
  models: ModelVerdict[];
}
