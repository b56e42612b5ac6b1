import { bufferOf, hex, isPowerOfTwo, viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import type { FatVolume } from './types.js';

/** Where things are in a FAT volume, all in bytes from its start. */
export interface FatLayout {
  kind: FatVolume['kind'];
  label: string;
  serial: string;
  dirty: boolean;
  clusterSize: number;
  /** Clusters with data: they are numbered from 2 to `clusterCount + 1`. */
  clusterCount: number;
  tableAt: number;
  tableLength: number;
  dataAt: number;
  /** The root directory is a chain on FAT32 and a fixed stretch before. */
  root: { cluster: number } | { offset: number; length: number };
}

const notFat = (why: string): ImageError =>
  new ImageError('image.fat.not-fat', `The boot sector is not a FAT one: ${why}`, { at: 0 });

const corrupt = (why: string): ImageError => new ImageError('image.fat.corrupt', why, { at: 0 });

interface Parameters {
  sectorSize: number;
  clusterSectors: number;
  reserved: number;
  tables: number;
  rootEntries: number;
  total: number;
  tableSectors: number;
  isFat32: boolean;
}

/** The BIOS parameter block (Microsoft FAT specification 1.03, sections 3.1 to 3.3). */
function parseParameters(view: DataView): Parameters {
  if (view.getUint16(510, true) !== 0xaa55) throw notFat('no 55 AA at its end');
  const media = view.getUint8(21);
  if (media !== 0xf0 && media < 0xf8) throw notFat(`media byte ${hex(media, 2)}`);
  const sectorSize = view.getUint16(11, true);
  if (!isPowerOfTwo(sectorSize) || sectorSize < 512 || sectorSize > 4096) {
    throw notFat(`sectors of ${sectorSize} bytes`);
  }
  const clusterSectors = view.getUint8(13);
  if (!isPowerOfTwo(clusterSectors)) throw notFat(`clusters of ${clusterSectors} sectors`);
  const reserved = view.getUint16(14, true);
  const tables = view.getUint8(16);
  if (reserved === 0) throw notFat('no reserved sectors');
  if (tables === 0 || tables > 4) throw notFat(`${tables} allocation tables`);
  const shortTable = view.getUint16(22, true);
  return {
    sectorSize,
    clusterSectors,
    reserved,
    tables,
    rootEntries: view.getUint16(17, true),
    total: view.getUint16(19, true) || view.getUint32(32, true),
    tableSectors: shortTable || view.getUint32(36, true),
    isFat32: shortTable === 0,
  };
}

function kindOf(isFat32: boolean, clusters: number): FatVolume['kind'] {
  if (isFat32) return 'fat32';
  return clusters < 4085 ? 'fat12' : 'fat16';
}

const entryBits = { fat12: 12, fat16: 16, fat32: 32 } as const;

/** With mirroring off, the low bits of the extended flags name the table in use. */
function activeTable(view: DataView, parameters: Parameters): number {
  if (!parameters.isFat32) return 0;
  const flags = view.getUint16(40, true);
  if ((flags & 0x80) === 0) return 0;
  const active = flags & 0x0f;
  if (active >= parameters.tables) throw corrupt(`Allocation table ${active} is in use, of ${parameters.tables}`);
  return active;
}

function labelOf(sector: Uint8Array, at: number): string {
  const text = bufferOf(sector)
    .toString('latin1', at, at + 11)
    .trimEnd();
  return text === 'NO NAME' || !/^[ -~]*$/u.test(text) ? '' : text;
}

/** Reads the layout from the first 512 bytes; `size` is that of the volume. */
export function parseBootSector(sector: Uint8Array, size: number): FatLayout {
  const view = viewOf(sector);
  const p = parseParameters(view);
  const rootSectors = Math.ceil((p.rootEntries * 32) / p.sectorSize);
  const dataSector = p.reserved + p.tables * p.tableSectors + rootSectors;
  if (p.tableSectors === 0) throw notFat('no allocation table');
  if (dataSector > p.total) throw corrupt(`Its tables need ${dataSector} sectors, but it has ${p.total}`);
  if (p.total * p.sectorSize > size) {
    throw new ImageError(
      'image.fat.past-end',
      `The FAT volume says it has ${p.total * p.sectorSize} bytes, but there are ${size}`,
      { at: 0, remedy: 'The image is cut short, or its partition is too small for the file system.' },
    );
  }
  const wanted = Math.floor((p.total - dataSector) / p.clusterSectors);
  const kind = kindOf(p.isFat32, wanted);
  const tableLength = p.tableSectors * p.sectorSize;
  const clusterCount = Math.min(wanted, Math.floor((tableLength * 8) / entryBits[kind]) - 2);
  if (clusterCount < 1) throw corrupt('It has no clusters');
  const rootAt = (p.reserved + p.tables * p.tableSectors) * p.sectorSize;
  const extended = p.isFat32 ? 67 : 39;
  return {
    kind,
    label: labelOf(sector, extended + 4),
    serial: hex(view.getUint32(extended, true), 8),
    // Linux, fs/fat/inode.c, fat_set_state: bit 0 of the byte behind the drive number.
    dirty: (view.getUint8(extended - 2) & 1) !== 0,
    clusterSize: p.clusterSectors * p.sectorSize,
    clusterCount,
    tableAt: (p.reserved + activeTable(view, p) * p.tableSectors) * p.sectorSize,
    tableLength,
    dataAt: dataSector * p.sectorSize,
    root: p.isFat32 ? { cluster: view.getUint32(44, true) } : { offset: rootAt, length: p.rootEntries * 32 },
  };
}
