import { viewOf } from '../bytes.js';
import { crc32 } from '../checksum.js';
import { readRawGpt, type RawGpt } from './gpt.js';
import { setSlotEnd } from './growth-mbr.js';
import { growthUnit, type DiskWrite, type GrowthTask, type PartitionGrowth } from './growth-plan.js';
import { parseBootRecord, protectiveType } from './mbr.js';

/** Where the parts of a GPT go on a disk of its size, in sectors. */
interface Places {
  sectorSize: number;
  /** Of one copy of the entries. */
  entrySectors: number;
  mainEntries: number;
  backupEntries: number;
  backupHeader: number;
  lastUsable: number;
}

const entryEnd = 40;
const at = { checksum: 16, mine: 24, other: 32, lastUsable: 48, entries: 72, entriesChecksum: 88 };

/**
 * Grows a partition of a GPT and moves the backup to the disk's end (UEFI 2.10, 5.3.2). The backup is written first: while the main copy is being changed, the
 * other one is whole.
 */
export async function planGptGrowth({ source, table, partition }: GrowthTask): Promise<PartitionGrowth> {
  const gpt = await readRawGpt(source);
  const boot = await source.read(0, 512);
  const slots = parseBootRecord(boot)?.slots ?? [];
  const [protective] = slots;
  if (slots.length !== 1 || protective?.type !== protectiveType)
    return { kind: 'blocked', why: 'the disk has an MBR with partitions beside its GPT' };
  const places = placesFor(gpt, source.size);
  const { sectorSize } = table;
  const unit = growthUnit / sectorSize;
  const end = Math.floor((places.lastUsable + 1) / unit) * unit;
  const before = partition.length / sectorSize;
  const grows = end - partition.offset / sectorSize >= before + unit;
  if (!grows && gpt.copy === 'main') return { kind: 'none' };
  // A table may call sectors usable that are not, and a partition may begin before those it calls usable.
  const firstUsed = Math.min(gpt.header.firstUsable, ...table.partitions.map(({ offset }) => offset / sectorSize));
  if (places.mainEntries < 2 || places.mainEntries + places.entrySectors > firstUsed)
    return { kind: 'blocked', why: 'the entries of its GPT are not before the first partition' };
  const last = grows ? end - 1 : partition.offset / sectorSize + before - 1;
  if (last > places.lastUsable) return { kind: 'blocked', why: 'there is no room for a backup of its GPT behind it' };
  const entries = new Uint8Array(places.entrySectors * sectorSize);
  entries.set(gpt.entries);
  setNumber(entries, (partition.number - 1) * gpt.header.entrySize + entryEnd, last);
  const copies = { gpt, places, entries };
  return {
    kind: 'growth',
    before: partition.length,
    after: (last + 1) * sectorSize - partition.offset,
    steps: [backupWrites(copies), [protectiveRecord(boot, protective.slot, places), ...mainWrites(copies)]],
  };
}

function placesFor({ copy, header }: RawGpt, size: number): Places {
  const { sectorSize, entryCount, entrySize, entriesAt } = header;
  const entrySectors = Math.ceil((entryCount * entrySize) / sectorSize);
  const backupHeader = Math.floor(size / sectorSize) - 1;
  return {
    ...{ sectorSize, entrySectors, backupHeader },
    // The backup does not tell where the main entries are. Everyone puts them behind the header.
    mainEntries: copy === 'main' ? entriesAt / sectorSize : 2,
    backupEntries: backupHeader - entrySectors,
    lastUsable: backupHeader - entrySectors - 1,
  };
}

interface Copies {
  gpt: RawGpt;
  places: Places;
  /** Whole sectors. */
  entries: Uint8Array;
}

function backupWrites({ gpt, places, entries }: Copies): DiskWrite[] {
  const { backupHeader, backupEntries, sectorSize } = places;
  const place = { mine: backupHeader, other: 1, entriesAt: backupEntries };
  return [
    { offset: backupEntries * sectorSize, bytes: entries },
    { offset: backupHeader * sectorSize, bytes: headerFor(gpt, places, entries, place) },
  ];
}

function mainWrites({ gpt, places, entries }: Copies): DiskWrite[] {
  const { backupHeader, mainEntries, sectorSize } = places;
  const place = { mine: 1, other: backupHeader, entriesAt: mainEntries };
  return [
    { offset: sectorSize, bytes: headerFor(gpt, places, entries, place) },
    { offset: mainEntries * sectorSize, bytes: entries },
  ];
}

function headerFor(
  { header, block }: RawGpt,
  { lastUsable }: Places,
  entries: Uint8Array,
  { mine, other, entriesAt }: { mine: number; other: number; entriesAt: number },
): Uint8Array {
  const bytes = new Uint8Array(block);
  setNumber(bytes, at.mine, mine);
  setNumber(bytes, at.other, other);
  setNumber(bytes, at.lastUsable, lastUsable);
  setNumber(bytes, at.entries, entriesAt);
  const view = viewOf(bytes);
  view.setUint32(at.entriesChecksum, crc32(entries.subarray(0, header.entryCount * header.entrySize)), true);
  view.setUint32(at.checksum, 0, true);
  view.setUint32(at.checksum, crc32(bytes.subarray(0, header.size)), true);
  return bytes;
}

/** The MBR in front covers the whole disk, or as much of it as it can (UEFI 2.10, 5.2.3). */
function protectiveRecord(boot: Uint8Array, slot: number, { backupHeader }: Places): DiskWrite {
  const bytes = new Uint8Array(boot);
  setSlotEnd(bytes, slot, Math.min(backupHeader, 0xffff_ffff), Math.min(backupHeader, 0xffff_ffff));
  return { offset: 0, bytes };
}

const setNumber = (bytes: Uint8Array, offset: number, value: number): void =>
  viewOf(bytes).setBigUint64(offset, BigInt(value), true);
