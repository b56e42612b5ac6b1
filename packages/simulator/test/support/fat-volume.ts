/** Cards in memory for unit tests: a FAT16 volume with the files of a record, and disks with such volumes in an MBR. */
const sector = 512;
const fatSectors = 17;
const rootEntries = 512;
const rootSectors = (rootEntries * 32) / sector;
const clusters = 4200;
const dataSector = 1 + fatSectors + rootSectors;
const volumeBytes = (dataSector + clusters) * sector;

type Files = Readonly<Record<string, string | Buffer>>;

const checksumOf = (short: Buffer): number => {
  let sum = 0;
  for (const byte of short) sum = ((sum & 1) * 128 + Math.floor(sum / 2) + byte) % 256;
  return sum;
};

/** A name of its own in eight and three characters; the real one is in the entries before. */
const shortNameOf = (name: string, index: number): Buffer => {
  const [base = '', extension = ''] = name.toUpperCase().split('.');
  const fits = /^[A-Z0-9_-]{1,8}(\.[A-Z0-9_-]{1,3})?$/i.test(name);
  const stem = fits ? base : `F${index}~1`;
  return Buffer.from(stem.padEnd(8) + extension.slice(0, 3).padEnd(3), 'latin1');
};

const longEntries = (name: string, short: Buffer): Buffer[] => {
  const units = Buffer.from(`${name}\0`, 'utf16le');
  const pieces = Math.ceil(units.length / 26);
  return Array.from({ length: pieces }, (_, at) => {
    const text = Buffer.alloc(26, 0xff);
    units.subarray(at * 26, (at + 1) * 26).copy(text);
    const entry = Buffer.alloc(32);
    entry[0] = at + 1 + (at === pieces - 1 ? 0x40 : 0);
    entry[11] = 0x0f;
    entry[13] = checksumOf(short);
    text.copy(entry, 1, 0, 10);
    text.copy(entry, 14, 10, 22);
    text.copy(entry, 28, 22, 26);
    return entry;
  }).reverse();
};

const entryOf = (name: string, index: number, place: { cluster: number; size: number; folder: boolean }): Buffer => {
  const short = shortNameOf(name, index);
  const entry = Buffer.alloc(32);
  short.copy(entry);
  entry[11] = place.folder ? 0x10 : 0x20;
  entry.writeUInt16LE(place.cluster, 26);
  entry.writeUInt32LE(place.folder ? 0 : place.size, 28);
  return Buffer.concat([...longEntries(name, short), entry]);
};

export interface FatVolume {
  readonly bytes: Buffer;
  /** First cluster of each file and folder, by path. */
  readonly clusterOf: ReadonlyMap<string, number>;
  /** Where the table has the entry of a cluster. */
  tableAt(cluster: number): number;
}

export const makeFat = (files: Files): FatVolume => {
  const bytes = Buffer.alloc(volumeBytes);
  const clusterOf = new Map<string, number>();
  let next = 2;
  const tableAt = (cluster: number): number => sector + cluster * 2;
  const store = (content: Buffer): number => {
    const first = next;
    const count = Math.ceil(content.length / sector);
    content.copy(bytes, (dataSector + first - 2) * sector);
    for (let at = 0; at < count; at += 1)
      bytes.writeUInt16LE(at === count - 1 ? 0xffff : first + at + 1, tableAt(first + at));
    next += count;
    return count === 0 ? 0 : first;
  };
  const folderOf = (prefix: string): Buffer => {
    const inside = Object.keys(files).filter((path) => path.startsWith(prefix));
    const names = [...new Set(inside.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))];
    return Buffer.concat(
      names.map((name, index) => {
        const path = prefix + name;
        const file = files[path];
        const content = file === undefined ? folderOf(`${path}/`) : Buffer.from(file);
        const cluster = store(content);
        clusterOf.set(path, cluster);
        return entryOf(name, index, { cluster, size: content.length, folder: file === undefined });
      }),
    );
  };
  bytes.writeUInt16LE(sector, 11);
  bytes[13] = 1;
  bytes.writeUInt16LE(1, 14);
  bytes[16] = 1;
  bytes.writeUInt16LE(rootEntries, 17);
  bytes.writeUInt32LE(dataSector + clusters, 32);
  bytes.writeUInt16LE(fatSectors, 22);
  bytes.writeUInt16LE(0xaa55, 510);
  folderOf('').copy(bytes, (1 + fatSectors) * sector);
  return { bytes, clusterOf, tableAt };
};

/** Sector in which the first of the partitions of {@link makeDisk} begins. */
export const firstSector = 8;

/** A disk with these volumes as partitions 1 to 4; each may have a type of its own. */
export const makeDisk = (...volumes: readonly (Buffer | { bytes: Buffer; type: number })[]): Buffer => {
  const parts = volumes.map((volume) => (Buffer.isBuffer(volume) ? { bytes: volume, type: 0x0c } : volume));
  const head = Buffer.alloc(firstSector * sector);
  let start = firstSector;
  for (const [index, { bytes, type }] of parts.entries()) {
    const at = 446 + index * 16;
    head[at + 4] = type;
    head.writeUInt32LE(start, at + 8);
    head.writeUInt32LE(bytes.length / sector, at + 12);
    start += bytes.length / sector;
  }
  head.writeUInt16LE(0xaa55, 510);
  return Buffer.concat([head, ...parts.map(({ bytes }) => bytes)]);
};
