import { refusal, type Refusal } from '@drover/contract';
import type { DiskFacts, DiskUse } from './facts.js';

export interface DiskLimits {
  /** Bytes that have to fit; null where that is not known before. */
  readonly needed: number | null;
  /** A disk that is larger is taken for one that was not meant. */
  readonly maxSize: number;
  /** Disks that are not made to be taken out too. */
  readonly allowFixed: boolean;
}

const no = (detail: string, remedy: string): Refusal => refusal('card.disk-refused', detail, { remedy });

const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

function refuseUse({ path }: DiskFacts, { name, kind, by }: DiskUse): Refusal {
  if (kind === 'mount') return no(`${path} is in use: ${name} is mounted at ${by}.`, `Unmount it: umount ${by}`);
  if (kind === 'swap') return no(`${path} is in use: ${name} is swap space.`, `If it is the right disk: swapoff ${by}`);
  return no(`${path} is in use: ${by} is made of ${name}.`, `If it is the right disk, stop ${by} first.`);
}

/** Why a disk is not written to; undefined: it may be. What is in use is told before what is unusual. */
export function refuseDisk(facts: DiskFacts, limits: DiskLimits): Refusal | undefined {
  const { path, partOf, size, uses, readOnly, removable } = facts;
  const [use] = uses;
  if (partOf !== undefined)
    return no(`${path} is a partition of ${partOf}, not a whole disk.`, `Name the disk: /dev/${partOf}`);
  if (size === 0) return no(`There is no card in ${path}.`, 'Put one in.');
  if (use !== undefined) return refuseUse(facts, use);
  if (!removable && !limits.allowFixed)
    return no(
      `${path} (${facts.model ?? 'of no model'}, ${gib(size)}) is not removable.`,
      'See `lsblk` for the name of the card. If it is the right disk: --allow-fixed',
    );
  if (readOnly) return no(`${path} is read-only.`, 'Move the lock of the card, or try another reader.');
  if (limits.needed !== null && size < limits.needed)
    return no(`${path} has ${gib(size)}, and the image needs ${gib(limits.needed)}.`, 'Take a larger card.');
  if (size > limits.maxSize)
    return no(
      `${path} has ${gib(size)}, more than a card is expected to have.`,
      `If it is the right disk: --max-size ${Math.ceil(size / 1024 ** 3)}G`,
    );
  return undefined;
}
