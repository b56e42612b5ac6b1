import { hex, viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import type { Partition } from './types.js';

/** Of the four slots in a boot record, 16 bytes each. */
export const entriesAt = 446;
const signatureAt = 510;
const maxLogical = 128;
const extendedTypes = new Set([0x05, 0x0f, 0x85]);
export const protectiveType = 0xee;

/** One of the four slots of a boot record, in sectors and relative as stored. */
export interface MbrSlot {
  /** 1 to 4. */
  slot: number;
  active: boolean;
  type: number;
  start: number;
  sectors: number;
}

export interface BootRecord {
  diskId: string;
  /** Slots in use only, as Linux judges it: those with a size. */
  slots: MbrSlot[];
}

const isExtended = (slot: MbrSlot): boolean => extendedTypes.has(slot.type);

/**
 * Reads the slots of a master or extended boot record. Undefined when the sector is none: no 55 AA, or a boot
 * indicator other than 00 and 80, which is how Linux tells a bare file system's boot sector apart.
 */
export function parseBootRecord(sector: Uint8Array): BootRecord | undefined {
  const view = viewOf(sector);
  if (view.getUint16(signatureAt, true) !== 0xaa55) return undefined;
  const slots: MbrSlot[] = [];
  for (let slot = 1; slot <= 4; slot++) {
    const at = entriesAt + (slot - 1) * 16;
    const indicator = view.getUint8(at);
    if ((indicator & 0x7f) !== 0) return undefined;
    const sectors = view.getUint32(at + 12, true);
    if (sectors === 0) continue;
    slots.push({
      slot,
      active: indicator === 0x80,
      type: view.getUint8(at + 4),
      start: view.getUint32(at + 8, true),
      sectors,
    });
  }
  return { diskId: hex(view.getUint32(440, true), 8), slots };
}

interface Chain {
  source: RandomAccess;
  sectorSize: number;
  diskId: string;
}

function partitionOf(chain: Chain, number: number, slot: MbrSlot, base: number): Partition {
  const { sectorSize, diskId } = chain;
  return {
    number,
    offset: (base + slot.start) * sectorSize,
    length: slot.sectors * sectorSize,
    type: hex(slot.type, 2),
    partuuid: `${diskId}-${hex(number, 2)}`,
    ...(slot.active ? { bootable: true } : {}),
    ...(isExtended(slot) ? { extended: true } : {}),
  };
}

async function readLogicalRecord(chain: Chain, sector: number, first: boolean): Promise<BootRecord | undefined> {
  const at = sector * chain.sectorSize;
  if (at + 512 > chain.source.size) {
    throw new ImageError('image.partition.past-end', `The extended boot record at byte ${at} is past the end`, { at });
  }
  const record = parseBootRecord(await chain.source.read(at, 512));
  if (record !== undefined || first) return record;
  throw new ImageError('image.partition.corrupt', `The extended boot record at byte ${at} has no signature`, {
    at,
    remedy: 'The chain of logical partitions is broken: write the image again or repair its table with sfdisk.',
  });
}

/** Follows one extended partition's chain. Each record holds a partition, relative to it, and the next record. */
async function readLogical(chain: Chain, extended: MbrSlot, from: number): Promise<Partition[]> {
  const found: Partition[] = [];
  const seen = new Set<number>();
  for (let sector = extended.start; ;) {
    if (seen.has(sector)) {
      throw new ImageError('image.partition.loop', `The chain of logical partitions returns to sector ${sector}`, {
        at: sector * chain.sectorSize,
      });
    }
    if (seen.size >= maxLogical) {
      throw new ImageError('image.partition.count', `More than ${maxLogical} logical partitions`);
    }
    seen.add(sector);
    const record = await readLogicalRecord(chain, sector, seen.size === 1);
    if (record === undefined) return found;
    for (const slot of record.slots) {
      if (isExtended(slot) || !belongs(slot, sector, extended)) continue;
      found.push(partitionOf(chain, from + found.length, slot, sector));
    }
    const next = record.slots.find(isExtended);
    if (next === undefined) return found;
    sector = extended.start + next.start;
  }
}

/** Slots 3 and 4 of an extended record hold rubbish on some disks: Linux takes them only inside the extended one. */
function belongs(slot: MbrSlot, record: number, extended: MbrSlot): boolean {
  if (slot.slot <= 2) return true;
  const start = record + slot.start;
  return start >= extended.start && start + slot.sectors <= extended.start + extended.sectors;
}

/** All partitions of an MBR, ordered by number, logical ones from 5. */
export async function readMbrPartitions(
  source: RandomAccess,
  record: BootRecord,
  sectorSize: number,
): Promise<Partition[]> {
  const chain: Chain = { source, sectorSize, diskId: record.diskId };
  const partitions = record.slots.map((slot) => partitionOf(chain, slot.slot, slot, 0));
  const logical: Partition[] = [];
  for (const slot of record.slots.filter(isExtended)) {
    logical.push(...(await readLogical(chain, slot, 5 + logical.length)));
  }
  return [...partitions, ...logical];
}
