import type { BuildRoot } from '../machine/root.js';
import type { Sandbox } from '../machine/sandbox.js';
import type { Architecture } from '../recipe/schema.js';

/** What the work of one layer is done with. */
export interface StepContext {
  readonly sandbox: Sandbox;
  /** The layers below, with a new one on top that takes what changes. */
  readonly root: BuildRoot;
  readonly architecture: Architecture;
  /** A folder of the machine for files of this step, empty. */
  readonly folder: string;
  /** For everything that runs: the time in files, no questions, no other randomness. */
  readonly env: Readonly<Record<string, string>>;
  /** Takes what programs say. */
  readonly onOutput: (chunk: Uint8Array) => void;
}

/** Variables that make what runs in a build the same each time (reproducible-builds.org/docs/source-date-epoch). */
export const buildVariables = (epoch: number): Record<string, string> => ({
  SOURCE_DATE_EPOCH: String(epoch),
  DEBIAN_FRONTEND: 'noninteractive',
  DEBCONF_NONINTERACTIVE_SEEN: 'true',
  // Packages of kernels ask for none: the initramfs is composed when all is there.
  INITRD: 'No',
  PYTHONHASHSEED: '0',
  PERL_HASH_SEED: '0',
  SYSTEMD_OFFLINE: '1',
  TZ: 'UTC',
});
