/** Directories of a FAT file system: 32 bytes an entry, long names in entries before the one they belong to (FAT specification 1.03). */

export interface FatEntry {
  /** The name of eight and three characters, and the long one where there is one. */
  readonly names: readonly string[];
  readonly directory: boolean;
  readonly cluster: number;
  readonly size: number;
}

const entryBytes = 32;

const shortName = (entry: Buffer): string => {
  const base = entry.subarray(0, 8).toString('latin1').trimEnd();
  const extension = entry.subarray(8, 11).toString('latin1').trimEnd();
  return extension === '' ? base : `${base}.${extension}`;
};

/** What a long name's entries hold to tell whose they are. */
const checksumOf = (entry: Buffer): number =>
  entry.subarray(0, 11).reduce((sum, byte) => (((sum & 1) << 7) + (sum >>> 1) + byte) & 0xff, 0);

/** The thirteen UTF-16 characters of one long-name entry. */
const longNamePiece = (entry: Buffer): string => {
  const units = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]).toString(
    'utf16le',
  );
  return units.replace(/\0[\s\S]*$/, '').replace(/\uffff+$/, '');
};

const isLongNamePiece = (entry: Buffer): boolean => ((entry[11] ?? 0) & 0x0f) === 0x0f;

const isLabel = (entry: Buffer): boolean => ((entry[11] ?? 0) & 0x08) !== 0;

const readEntry = (entry: Buffer, long: string): FatEntry => ({
  names: long === '' ? [shortName(entry)] : [shortName(entry), long],
  directory: ((entry[11] ?? 0) & 0x10) !== 0,
  cluster: ((entry.readUInt16LE(20) << 16) | entry.readUInt16LE(26)) >>> 0,
  size: entry.readUInt32LE(28),
});

/** Entries in their order. A long name whose checksum is another file's is nobody's. */
export const readDirectory = (bytes: Buffer): FatEntry[] => {
  const entries: FatEntry[] = [];
  let long = '';
  let sum = -1;
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    const entry = bytes.subarray(at, at + entryBytes);
    if (entry[0] === 0) break;
    if (entry[0] !== 0xe5 && isLongNamePiece(entry)) {
      long = entry[13] === sum ? longNamePiece(entry) + long : longNamePiece(entry);
      sum = entry[13] ?? -1;
      continue;
    }
    if (entry[0] !== 0xe5 && !isLabel(entry)) entries.push(readEntry(entry, sum === checksumOf(entry) ? long : ''));
    long = '';
    sum = -1;
  }
  return entries;
};

export const findEntry = (entries: readonly FatEntry[], name: string): FatEntry | undefined =>
  entries.find(({ names }) => names.some((each) => each.toLowerCase() === name.toLowerCase()));
