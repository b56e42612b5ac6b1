import { viewOf } from '../bytes.js';
import type { RandomAccess } from '../source.js';
import { growthUnit, type DiskWrite, type GrowthTask, type PartitionGrowth } from './growth-plan.js';
import { entriesAt, parseBootRecord } from './mbr.js';
import type { Partition } from './types.js';

/** Most sectors and highest sector the 32 bits of a slot hold. */
const mostSectors = 0xffff_ffff;

/** Grows a primary partition, or the only logical one together with the extended one around it. */
export async function planMbrGrowth({ source, table, partition }: GrowthTask): Promise<PartitionGrowth> {
  const { sectorSize, partitions } = table;
  const containers = partitions.filter(({ extended }) => extended === true);
  const isLogical = partition.number > 4;
  const logical = partitions.filter(({ number }) => number > 4);
  if (isLogical && (logical.length > 1 || containers.length > 1))
    return { kind: 'blocked', why: 'it is one of several logical partitions' };
  const container = isLogical ? containers[0] : undefined;
  const behind = containers.find((each) => each !== container && each.offset > partition.offset);
  if (behind !== undefined) return { kind: 'blocked', why: `the extended partition ${behind.number} lies behind it` };
  const unit = growthUnit / sectorSize;
  const end = Math.floor(Math.min(source.size / sectorSize, mostSectors) / unit) * unit;
  const before = partition.length / sectorSize;
  const after = end - partition.offset / sectorSize;
  if (after < before + unit) return { kind: 'none' };
  const change = { source, sectorSize, end };
  // The outer one first: what is inside must never stick out.
  const steps: DiskWrite[][] = [];
  if (container !== undefined) steps.push([await grown(change, 0, container, container.number)]);
  const record = container === undefined ? 0 : container.offset / sectorSize;
  const slot = container === undefined ? partition.number : await slotOf(change, record, partition);
  if (slot === undefined) return { kind: 'blocked', why: 'it is not where its boot record says' };
  steps.push([await grown(change, record, partition, slot)]);
  return { kind: 'growth', before: partition.length, after: after * sectorSize, steps };
}

interface Change {
  source: RandomAccess;
  sectorSize: number;
  /** First sector behind what grows. */
  end: number;
}

/** The slot of a logical partition in its boot record. */
async function slotOf(
  { source, sectorSize }: Change,
  record: number,
  { offset }: Partition,
): Promise<number | undefined> {
  const parsed = parseBootRecord(await source.read(record * sectorSize, 512));
  return parsed?.slots.find(({ start }) => (record + start) * sectorSize === offset)?.slot;
}

/** The boot record at that sector with the slot of a partition that ends at `end`. */
async function grown(
  { source, sectorSize, end }: Change,
  record: number,
  partition: Partition,
  slot: number,
): Promise<DiskWrite> {
  const offset = record * sectorSize;
  const bytes = new Uint8Array(await source.read(offset, 512));
  setSlotEnd(bytes, slot, end - partition.offset / sectorSize, end - 1);
  return { offset, bytes };
}

/** Writes size and last sector into a slot (1 to 4) of a boot record. */
export function setSlotEnd(record: Uint8Array, slot: number, sectors: number, last: number): void {
  const at = entriesAt + (slot - 1) * 16;
  record.set(cylinderHeadSector(last), at + 5);
  viewOf(record).setUint32(at + 12, sectors, true);
}

/** A sector as BIOSes of old count it, with 255 heads and 63 sectors; beyond what fits it is the highest. Nothing of today reads it. */
function cylinderHeadSector(sector: number): [number, number, number] {
  const [heads, perTrack] = [255, 63];
  const cylinder = Math.floor(sector / (heads * perTrack));
  if (cylinder > 1023) return [0xfe, 0xff, 0xff];
  const head = Math.floor(sector / perTrack) % heads;
  return [head, ((sector % perTrack) + 1) | ((cylinder >> 2) & 0xc0), cylinder & 0xff];
}
