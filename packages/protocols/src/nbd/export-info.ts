import { transmissionFlag } from './constants.js';

/** Block size constraints in bytes (proto.md, "Block size constraints"). */
export interface NbdBlockSize {
  /** Least unit of offset and length: a power of two, 1 to 65536. */
  readonly minimum: number;
  /** Requests of this size and alignment are efficient: a power of two, at least 512. */
  readonly preferred: number;
  /** Longest payload of a READ or WRITE: a multiple of `minimum`. */
  readonly maximum: number;
}

/** What an export is and can do: all a client is told of it. */
export interface NbdExportInfo {
  /** Bytes, a multiple of the minimum block size. */
  readonly size: number;
  readonly readOnly: boolean;
  /** FLUSH and FUA of one connection cover what all connections to the export have written. */
  readonly canMultiConn: boolean;
  readonly canFlush: boolean;
  readonly canFua: boolean;
  readonly canTrim: boolean;
  readonly canWriteZeroes: boolean;
  /** WRITE_ZEROES can say at once that it would be no faster than a WRITE. */
  readonly canFastZero: boolean;
  readonly canCache: boolean;
  /** Knows what is allocated: offers the context `base:allocation`. */
  readonly canBlockStatus: boolean;
  readonly blockSize: NbdBlockSize;
  /** For a person, shown to whoever asks for it. */
  readonly description?: string;
}

const isPowerOfTwo = (value: number): boolean =>
  Number.isInteger(value) && value > 0 && Number.isInteger(Math.log2(value));

/** What is wrong with an export's description by proto.md, "Block size constraints"; undefined when it may be offered. */
export function faultOfExport({ size, blockSize }: NbdExportInfo): string | undefined {
  const { minimum, preferred, maximum } = blockSize;
  if (!Number.isSafeInteger(size) || size < 0) return `size ${size} is no whole number of bytes below 2^53`;
  if (!isPowerOfTwo(minimum) || minimum > 65_536) return `minimum block size ${minimum} is no power of two up to 65536`;
  if (!isPowerOfTwo(preferred) || preferred < Math.max(minimum, 512) || preferred > 2 ** 31) {
    return `preferred block size ${preferred} is no power of two from ${Math.max(minimum, 512)} to 2^31`;
  }
  if (!Number.isInteger(maximum) || maximum <= 0 || maximum > 0xffff_ffff) {
    return `maximum block size ${maximum} is no whole number from 1 to 2^32 - 1`;
  }
  if (maximum !== 0xffff_ffff && maximum % minimum !== 0) {
    return `maximum block size ${maximum} is no multiple of the minimum ${minimum}`;
  }
  if (maximum < Math.min(preferred, size))
    return `maximum block size ${maximum} is below preferred block size and size`;
  if (size % minimum !== 0) return `size ${size} is no multiple of the minimum block size ${minimum}`;
  return undefined;
}

/**
 * proto.md, "Transmission flags". Features that write are not offered on a read-only export; ROTATIONAL never, and DF
 * only with structured replies.
 */
export function transmissionFlags(info: NbdExportInfo, structured: boolean): number {
  const { readOnly } = info;
  const zeroes = !readOnly && info.canWriteZeroes;
  const offered: readonly (readonly [boolean, number])[] = [
    [readOnly, transmissionFlag.readOnly],
    [info.canFlush, transmissionFlag.sendFlush],
    [info.canFua, transmissionFlag.sendFua],
    [!readOnly && info.canTrim, transmissionFlag.sendTrim],
    [zeroes, transmissionFlag.sendWriteZeroes],
    [zeroes && info.canFastZero, transmissionFlag.sendFastZero],
    [structured, transmissionFlag.sendDf],
    [info.canMultiConn, transmissionFlag.canMultiConn],
    [info.canCache, transmissionFlag.sendCache],
  ];
  return offered.reduce((flags, [on, flag]) => (on ? flags | flag : flags), transmissionFlag.hasFlags);
}
