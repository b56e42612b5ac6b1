import { bufferOf, formatGuid, getUint64, isPowerOfTwo, viewOf } from '../bytes.js';
import { crc32 } from '../checksum.js';
import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import type { Partition, PartitionTable } from './types.js';

const signature = 'EFI PART';
const unusedType = '00000000-0000-0000-0000-000000000000';
const maxEntries = 1024;
const legacyBootable = 0b100;
/** Logical block sizes in use; the header in block 1 tells which. */
const sectorSizes = [512, 4096];

export interface GptHeader {
  diskId: string;
  sectorSize: number;
  /** Bytes of the header, as far as its checksum covers it. */
  size: number;
  /** First sector that a partition may have. */
  firstUsable: number;
  /** Bytes from the start of the disk. */
  entriesAt: number;
  entryCount: number;
  entrySize: number;
  entriesCrc: number;
}

/** A whole GPT as stored: one of its two copies, with the right checksums. */
export interface RawGpt {
  copy: 'main' | 'backup';
  header: GptHeader;
  /** The sector of the header. */
  block: Uint8Array;
  entries: Uint8Array;
}

type Attempt<T> = { ok: true; value: T } | { ok: false; why: string };

const fail = (why: string): { ok: false; why: string } => ({ ok: false, why });

/** Checks a header as UEFI 2.10, 5.3.2 asks: signature, its own CRC, its own place, sane entries. */
function parseHeader(block: Uint8Array, lba: number, sectorSize: number): Attempt<GptHeader> {
  const view = viewOf(block);
  if (bufferOf(block).toString('latin1', 0, 8) !== signature) return fail('no signature');
  const size = view.getUint32(12, true);
  if (size < 92 || size > block.length) return fail(`a header of ${size} bytes`);
  const covered = new Uint8Array(block.subarray(0, size));
  covered.fill(0, 16, 20);
  if (crc32(covered) !== view.getUint32(16, true)) return fail('a wrong checksum');
  const myLba = getUint64(view, 24, 'The place of the GPT header');
  if (myLba !== lba) return fail(`it says it belongs to sector ${myLba}`);
  const entryCount = view.getUint32(80, true);
  const entrySize = view.getUint32(84, true);
  if (entryCount > maxEntries) return fail(`${entryCount} entries`);
  if (entrySize < 128 || entrySize > 4096 || !isPowerOfTwo(entrySize)) return fail(`entries of ${entrySize} bytes`);
  return {
    ok: true,
    value: {
      diskId: formatGuid(block.subarray(56, 72)),
      sectorSize,
      size,
      firstUsable: getUint64(view, 40, 'The first usable sector of the GPT'),
      entriesAt: getUint64(view, 72, 'The place of the GPT entries') * sectorSize,
      entryCount,
      entrySize,
      entriesCrc: view.getUint32(88, true),
    },
  };
}

async function readEntries(source: RandomAccess, header: GptHeader): Promise<Attempt<Uint8Array>> {
  const length = header.entryCount * header.entrySize;
  if (header.entriesAt + length > source.size) return fail('its entries are past the end');
  const bytes = await source.read(header.entriesAt, length);
  return crc32(bytes) === header.entriesCrc ? { ok: true, value: bytes } : fail('the entries have a wrong checksum');
}

function parseEntry(bytes: Uint8Array, number: number, sectorSize: number): Partition | undefined {
  const type = formatGuid(bytes.subarray(0, 16));
  if (type === unusedType) return undefined;
  const view = viewOf(bytes);
  const first = getUint64(view, 32, `The start of GPT partition ${number}`);
  const last = getUint64(view, 40, `The end of GPT partition ${number}`);
  if (last < first) {
    throw new ImageError('image.gpt.corrupt', `GPT partition ${number} ends at sector ${last}, before it starts`);
  }
  const name = bufferOf(bytes).toString('utf16le', 56, 128).replace(/\0.*$/su, '');
  return {
    number,
    offset: first * sectorSize,
    length: (last - first + 1) * sectorSize,
    type,
    partuuid: formatGuid(bytes.subarray(16, 32)),
    ...(name === '' ? {} : { name }),
    ...(view.getUint32(48, true) & legacyBootable ? { bootable: true } : {}),
  };
}

function parseEntries(header: GptHeader, bytes: Uint8Array): Partition[] {
  const partitions: Partition[] = [];
  for (let i = 0; i < header.entryCount; i++) {
    const entry = bytes.subarray(i * header.entrySize, (i + 1) * header.entrySize);
    const partition = parseEntry(entry, i + 1, header.sectorSize);
    if (partition !== undefined) partitions.push(partition);
  }
  return partitions;
}

async function tryAt(
  source: RandomAccess,
  { copy, lba, sectorSize }: { copy: RawGpt['copy']; lba: number; sectorSize: number },
): Promise<Attempt<RawGpt>> {
  const at = lba * sectorSize;
  if (at <= 0 || at + sectorSize > source.size) return fail('past the end');
  const block = await source.read(at, sectorSize);
  const header = parseHeader(block, lba, sectorSize);
  if (!header.ok) return header;
  const entries = await readEntries(source, header.value);
  if (!entries.ok) return entries;
  return { ok: true, value: { copy, header: header.value, block, entries: entries.value } };
}

/**
 * Finds a GPT by its header in sector 1, or by the backup in the last sector when that one is damaged.
 * Throws `image.gpt.corrupt` when neither is whole.
 */
export async function readRawGpt(source: RandomAccess): Promise<RawGpt> {
  const reasons: string[] = [];
  const places = [
    ...sectorSizes.map((sectorSize) => ({ copy: 'main' as const, sectorSize, lba: 1 })),
    ...sectorSizes.map((sectorSize) => ({
      copy: 'backup' as const,
      sectorSize,
      lba: Math.floor(source.size / sectorSize) - 1,
    })),
  ];
  for (const place of places) {
    const attempt = await tryAt(source, place);
    if (attempt.ok) return attempt.value;
    reasons.push(`${place.copy} header for ${place.sectorSize}-byte sectors: ${attempt.why}`);
  }
  throw new ImageError('image.gpt.corrupt', `No GPT header is whole (${reasons.join('; ')})`, {
    at: 512,
    remedy: 'The image is damaged or cut short: download or copy it again.',
  });
}

/** Reads a GPT, from either copy. Throws `image.gpt.corrupt`. */
export async function readGpt(source: RandomAccess): Promise<PartitionTable> {
  const { header, entries } = await readRawGpt(source);
  const { diskId, sectorSize } = header;
  return { scheme: 'gpt', diskId, sectorSize, partitions: parseEntries(header, entries) };
}
