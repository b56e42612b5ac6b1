/** Reflected CRC tables, eight of them for slicing by eight. */
function tablesFor(polynomial: number): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    first[n] = c >>> 0;
  }
  const tables = [first];
  for (let t = 1; t < 4; t++) {
    const before = tables[t - 1] as Uint32Array;
    const next = new Uint32Array(256);
    for (let n = 0; n < 256; n++) {
      const value = before[n] as number;
      next[n] = ((value >>> 8) ^ (first[value & 0xff] as number)) >>> 0;
    }
    tables.push(next);
  }
  return tables;
}

function crcWith(tables: Uint32Array[], start: number, bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let crc = start;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    const word =
      crc ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    crc =
      (t3[word & 0xff] as number) ^
      (t2[(word >>> 8) & 0xff] as number) ^
      (t1[(word >>> 16) & 0xff] as number) ^
      (t0[word >>> 24] as number);
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return crc >>> 0;
}

const ieee = tablesFor(0xedb88320);
const castagnoli = tablesFor(0x82f63b78);

/** CRC-32 as GPT and zip use it (UEFI 2.10, 5.3.2), finished. */
export function crc32(bytes: Uint8Array): number {
  return ~crcWith(ieee, 0xffffffff, bytes) >>> 0;
}

/** CRC-32C in the raw form of ext4's metadata_csum: the caller gives the running value, nothing is inverted. */
export function crc32c(start: number, bytes: Uint8Array): number {
  return crcWith(castagnoli, start, bytes);
}
