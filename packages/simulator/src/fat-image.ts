/**
 * Reads files out of a boot.img, which is a bare FAT12, FAT16 or FAT32 file system (Microsoft's FAT specification 1.03). Read-only, from memory,
 * and bounded: a chain longer than the volume is a broken image.
 */

export interface FatImage {
  /** Bytes of a file, names compared without case; undefined when there is none. */
  read(path: string): Buffer | undefined;
}

interface Layout {
  readonly bits: 12 | 16 | 32;
  readonly clusterBytes: number;
  /** Clusters the image really holds, whatever its header claims. */
  readonly clusters: number;
  readonly fatAt: number;
  readonly rootAt: number;
  readonly rootBytes: number;
  readonly rootCluster: number;
  readonly dataAt: number;
}

interface Entry {
  readonly name: string;
  readonly directory: boolean;
  readonly cluster: number;
  readonly size: number;
}

const readLayout = (image: Buffer): Layout | undefined => {
  if (image.length < 512 || image.readUInt16LE(510) !== 0xaa55) return undefined;
  const sector = image.readUInt16LE(11);
  const perCluster = image[13] ?? 0;
  if (![512, 1024, 2048, 4096].includes(sector) || perCluster === 0) return undefined;
  const reserved = image.readUInt16LE(14);
  const rootEntries = image.readUInt16LE(17);
  const sectors = image.readUInt16LE(19) || image.readUInt32LE(32);
  const fatSectors = image.readUInt16LE(22) || image.readUInt32LE(36);
  const rootSectors = Math.ceil((rootEntries * 32) / sector);
  const dataSector = reserved + (image[16] ?? 0) * fatSectors + rootSectors;
  const clusters = Math.floor((sectors - dataSector) / perCluster);
  if (clusters <= 0 || dataSector * sector > image.length) return undefined;
  return {
    bits: clusters < 4085 ? 12 : clusters < 65_525 ? 16 : 32,
    clusterBytes: perCluster * sector,
    clusters: Math.min(clusters, Math.ceil((image.length - dataSector * sector) / (perCluster * sector))),
    fatAt: reserved * sector,
    rootAt: (dataSector - rootSectors) * sector,
    rootBytes: rootSectors * sector,
    rootCluster: image.readUInt32LE(44),
    dataAt: dataSector * sector,
  };
};

const nextCluster = (image: Buffer, { bits, fatAt }: Layout, cluster: number): number => {
  const at = fatAt + Math.floor((cluster * bits) / 8);
  if (at + 4 > image.length) return 0;
  if (bits === 32) return image.readUInt32LE(at) & 0x0fffffff;
  const pair = image.readUInt16LE(at);
  if (bits === 16) return pair;
  return cluster % 2 === 1 ? pair >>> 4 : pair & 0xfff;
};

/** Clusters of a chain; what is out of range or too long ends it. */
const readChain = (image: Buffer, layout: Layout, first: number): Buffer => {
  const pieces: Buffer[] = [];
  let cluster = first;
  while (cluster >= 2 && cluster < layout.clusters + 2 && pieces.length <= layout.clusters) {
    const at = layout.dataAt + (cluster - 2) * layout.clusterBytes;
    pieces.push(image.subarray(at, at + layout.clusterBytes));
    cluster = nextCluster(image, layout, cluster);
  }
  return Buffer.concat(pieces);
};

const shortName = (entry: Buffer): string => {
  const base = entry.subarray(0, 8).toString('latin1').trimEnd();
  const extension = entry.subarray(8, 11).toString('latin1').trimEnd();
  return extension === '' ? base : `${base}.${extension}`;
};

/** The thirteen UTF-16 characters of one long-name entry. */
const longNamePiece = (entry: Buffer): string => {
  const units = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]).toString(
    'utf16le',
  );
  return units.replace(/\0[\s\S]*$/, '').replace(/\uffff+$/, '');
};

const readDirectory = (bytes: Buffer): Entry[] => {
  const entries: Entry[] = [];
  let long = '';
  for (let at = 0; at + 32 <= bytes.length; at += 32) {
    const entry = bytes.subarray(at, at + 32);
    const first = entry[0] ?? 0;
    const attributes = entry[11] ?? 0;
    if (first === 0) break;
    if (first === 0xe5) long = '';
    else if ((attributes & 0x0f) === 0x0f) long = longNamePiece(entry) + long;
    else {
      const cluster = (entry.readUInt16LE(20) << 16) | entry.readUInt16LE(26);
      const name = long === '' ? shortName(entry) : long;
      if ((attributes & 0x08) === 0)
        entries.push({ name, directory: (attributes & 0x10) !== 0, cluster, size: entry.readUInt32LE(28) });
      long = '';
    }
  }
  return entries;
};

/** Undefined when the bytes are no FAT file system. */
export const openFatImage = (image: Buffer): FatImage | undefined => {
  const layout = readLayout(image);
  if (layout === undefined) return undefined;
  const root = (): Buffer =>
    layout.bits === 32
      ? readChain(image, layout, layout.rootCluster)
      : image.subarray(layout.rootAt, layout.rootAt + layout.rootBytes);
  return {
    read: (path) => {
      const parts = path.split('/').filter((part) => part !== '');
      let directory = root();
      for (const [index, part] of parts.entries()) {
        const entry = readDirectory(directory).find(({ name }) => name.toLowerCase() === part.toLowerCase());
        if (entry === undefined) return undefined;
        const isLast = index === parts.length - 1;
        if (entry.directory === isLast) return undefined;
        const bytes = readChain(image, layout, entry.cluster);
        if (isLast) return bytes.subarray(0, entry.size);
        directory = bytes;
      }
      return undefined;
    },
  };
};
