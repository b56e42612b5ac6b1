import type { Device, Disk, DiskAttachment, DiskBackup, DiskState } from '@drover/contract';
import { bytesText } from '../../ui/format.js';

export const diskLooks = {
  creating: { tone: 'info', form: 'half', label: 'Being made' },
  ready: { tone: 'ok', form: 'full', label: 'Ready' },
  failed: { tone: 'bad', form: 'cross', label: 'Failed' },
  deleting: { tone: 'warn', form: 'half', label: 'Being deleted' },
} as const satisfies Record<DiskState, { tone: string; form: string; label: string }>;

const mebibyte = 1_048_576;
const gigabyte = 1e9;

/** GB as people write them, as whole MiB of bytes; undefined: no number, or none that a disk can have. */
export const sizeOf = (text: string): number | undefined => {
  if (!/^\d{1,6}([.,]\d{1,6})?$/.test(text.trim())) return undefined;
  const bytes = Math.ceil((Number(text.trim().replace(',', '.')) * gigabyte) / mebibyte) * mebibyte;
  return bytes >= mebibyte && bytes <= 16 * 2 ** 40 ? bytes : undefined;
};

/** `8 GB, 120 MB of its own`: what is written to it, as far as that is known. */
export const sizeText = ({ size, ownBytes }: Pick<Disk, 'size' | 'ownBytes'>): string =>
  ownBytes === null ? bytesText(size) : `${bytesText(size)}, ${bytesText(ownBytes)} of its own`;

export const attachmentOf = (disk: Pick<Disk, 'attachments'>, device: string): DiskAttachment | undefined =>
  disk.attachments.find((each) => each.device === device);

export interface Sorted {
  readonly root: Disk | undefined;
  readonly data: readonly Disk[];
}

/** The disks of a board by what they are for, data disks by name. */
export const sortDisks = (disks: readonly Disk[], device: string): Sorted => ({
  root: disks.find((disk) => disk.role === 'root' && disk.device === device),
  data: disks
    .filter((disk) => disk.role === 'data' && attachmentOf(disk, device) !== undefined)
    .sort((a, b) => a.name.localeCompare(b.name)),
});

/** Data disks that this board could be given: nobody has them, or boards that only read. */
export const attachable = (disks: readonly Disk[], { id, tenant }: Pick<Device, 'id' | 'tenant'>): readonly Disk[] =>
  disks
    .filter((disk) => disk.role === 'data' && disk.tenant === tenant && attachmentOf(disk, id) === undefined)
    .filter(({ attachments }) => attachments.every(({ access }) => access === 'read-only'))
    .sort((a, b) => a.name.localeCompare(b.name));

/** Why no disk can be attached to this board now; undefined: it can be tried. */
export const whyNoDisk = ({ assignment, state }: Pick<Device, 'assignment' | 'state'>): string | undefined => {
  if (state === 'discovered') return 'Adopt this board first: it is trusted with nothing yet.';
  if (assignment === null) return 'This board runs nothing that could use a disk. Give it an image first.';
  return undefined;
};

/** What is told of a system disk that is not there. */
export const whyNoRoot = ({ assignment }: Pick<Device, 'assignment'>): string => {
  switch (assignment?.rootMode) {
    case undefined:
      return 'It has no image, and so no system disk.';
    case 'ram':
      return 'Its system runs from memory (root mode ram): nothing is kept, and there is no disk to keep it on.';
    case 'stream':
      return 'It reads its system straight from the image (root mode stream), with memory on top: it has no disk of its own.';
    case 'sd':
      return 'Its system is on its own card (root mode sd).';
    case 'nbd':
    case 'nfs':
      return 'Its system disk is not made yet.';
  }
};

/** A name for a disk that is made of a kept state of another one. */
export const cloneName = (disk: string, kept: string): string => `${disk}-${kept}`.slice(0, 63).replace(/-+$/, '');

/** `backup of media from 2026-11-30 17:02 UTC`: tells it from the others. */
export const backupTitle = ({ diskName, createdAt }: Pick<DiskBackup, 'diskName' | 'createdAt'>): string =>
  `backup of ${diskName} from ${createdAt.slice(0, 16).replace('T', ' ')} UTC`;

/** Backups of a board's tenant, but those of disks that are shown with them. */
export const otherBackups = (
  backups: readonly DiskBackup[],
  shown: readonly Pick<Disk, 'id'>[],
  { tenant }: Pick<Device, 'tenant'>,
): readonly DiskBackup[] => {
  const ids = new Set(shown.map(({ id }) => id));
  return backups.filter((backup) => backup.tenant === tenant && !ids.has(backup.disk));
};
