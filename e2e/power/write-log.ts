import { openSync, readSync } from 'node:fs';

/**
 * What was written to a drive, in order, as QEMU's blklogwrites driver records it: the format of the kernel's dm-log-writes
 * (Documentation/admin-guide/device-mapper/log-writes.rst and drivers/md/dm-log-writes.c). All numbers are little-endian.
 */
export interface WriteLog {
  /** How many there are so far, as the log's own header says; QEMU writes that at each flush. */
  count(): number;
  entries(): LogEntry[];
  /** The bytes of a write. */
  bytesOf(entry: LogEntry): Buffer;
}

export interface LogEntry {
  /** Bytes from the start of the drive. */
  readonly offset: number;
  readonly length: number;
  /** The drive was told to make durable what it had. */
  readonly flush: boolean;
  /** The bytes are zeros afterwards, and none are in the log. */
  readonly discard: boolean;
  /** Where the bytes are in the log. */
  readonly place: number;
}

const magic = 0x6a73_6677_7368_72n;
const flags = { flush: 1n, discard: 4n } as const;
const header = 28;

export function openWriteLog(path: string): WriteLog {
  const file = openSync(path, 'r');
  const read = (at: number, length: number): Buffer => {
    const bytes = Buffer.alloc(length);
    if (readSync(file, bytes, 0, length, at) !== length) throw new Error(`${path} ends before ${at + length}`);
    return bytes;
  };
  const count = (): number => Number(read(16, 8).readBigUInt64LE());

  return {
    count,
    entries: () => {
      const start = read(0, header);
      if (start.readBigUInt64LE() !== magic) throw new Error(`${path} is no log of writes`);
      const sector = start.readUInt32LE(24);
      const found: LogEntry[] = [];
      let at = sector;
      for (let left = count(); left > 0; left--) {
        const entry = parseEntry(read(at, 24), sector, at + sector);
        found.push(entry);
        at += sector + (entry.discard ? 0 : entry.length);
      }
      return found;
    },
    bytesOf: ({ place, length }) => read(place, length),
  };
}

const parseEntry = (bytes: Buffer, sector: number, place: number): LogEntry => {
  const flag = bytes.readBigUInt64LE(16);
  return {
    offset: Number(bytes.readBigUInt64LE(0)) * sector,
    length: Number(bytes.readBigUInt64LE(8)) * sector,
    flush: (flag & flags.flush) !== 0n,
    discard: (flag & flags.discard) !== 0n,
    place,
  };
};
