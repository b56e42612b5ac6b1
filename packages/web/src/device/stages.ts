import type { SessionStage, TimelineEntry } from '@drover/contract';

/** A boot as people follow it: five stages. The kernel's own is part of the firmware's, which hands over to it. */
export const bootStages = ['dhcp', 'firmware', 'initramfs', 'root', 'up'] as const;
export type BootStage = (typeof bootStages)[number];

export const stageNames: Readonly<Record<BootStage, string>> = {
  dhcp: 'Asks for the network',
  firmware: 'Reads its boot files',
  initramfs: 'Starts the kernel',
  root: 'Gets its root',
  up: 'Is up',
};

export const stageOf = (stage: SessionStage): BootStage => (stage === 'kernel' ? 'firmware' : stage);

/** Steps of the device runtime, and what each is in words. */
const steps: Readonly<Record<string, readonly [stage: BootStage, text: string]>> = {
  start: ['initramfs', 'Kernel and initramfs run'],
  modules: ['initramfs', 'Loads its kernel modules'],
  card: ['initramfs', 'Looks at its card'],
  network: ['initramfs', 'Gets an address again, as Linux'],
  ask: ['initramfs', 'Asks the server what to boot'],
  clock: ['initramfs', 'Sets its clock'],
  exchange: ['initramfs', 'Shows its one-use secret'],
  signed: ['initramfs', 'Checks the server’s signature'],
  config: ['root', 'Reads its config'],
  attach: ['root', 'Attaches its disk'],
  download: ['root', 'Downloads its root'],
  verify: ['root', 'Checks the digest of its root'],
  update: ['root', 'Updates its boot files'],
  trial: ['root', 'Tries its new boot files'],
  mount: ['root', 'Mounts its root'],
  bootcode: ['root', 'Runs its boot code'],
  identity: ['root', 'Becomes itself: name, keys, files'],
  prepare: ['root', 'Prepares the system'],
  switch: ['root', 'Hands over to the system'],
  up: ['up', 'The system is up'],
  files: ['up', 'Takes changed files'],
};

export const stepText = (step: string): string => steps[step]?.[1] ?? step;
export const stageOfStep = (step: string): BootStage => steps[step]?.[0] ?? 'root';

/** Where on the way an entry belongs; undefined: wherever the boot is. */
export const stageOfEntry = (entry: TimelineEntry): BootStage | undefined => {
  switch (entry.type) {
    case 'dhcp.discover':
    case 'dhcp.request':
    case 'dhcp.offer':
    case 'dhcp.ignored':
    case 'dhcp.rival':
      return 'dhcp';
    case 'tftp.file':
    case 'http.file':
    case 'boot.files':
      return 'firmware';
    case 'card.asked':
    case 'exchange':
      return 'initramfs';
    case 'root.download':
    case 'disk.attached':
      return 'root';
    case 'report':
      return stageOfStep(entry.step);
    default:
      return undefined;
  }
};
