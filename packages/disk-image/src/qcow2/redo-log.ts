import { crc32 } from '../checksum.js';
import { halves, missing, type Mapping } from './format.js';
import type { BlockFile, BlockSource } from './types.js';

/**
 * The redo log keeps, outside the image, where guest clusters have gone since the last flush. Tables in the image learn it only once the data
 * is durable, so that a power cut cannot leave them pointing to clusters that were never written; and a process that is killed loses nothing,
 * because what the kernel has been given stays in its page cache. The log is therefore believed only during the boot of the machine in which it
 * was written, and never needs to be synced.
 *
 * File: a header of 4 KiB, then two areas. Each area holds batches of one generation: a checkpoint begins a generation in the other area.
 * All numbers are big-endian. A batch: crc32 of the rest, count of records, generation, sequence, session, then for each record 8 bytes of guest
 * cluster and 8 bytes of mapping.
 */
export interface LogRecord {
  cluster: number;
  mapping: Mapping;
}

const magic = 'DRVRLOG1';
const headerSize = 4096;
const areaSize = 4 * 1024 * 1024;
const batchHeader = 40;
const recordSize = 16;
const areaAt = (generation: number): number => headerSize + (generation % 2) * areaSize;

interface Generation {
  readonly number: number;
  /** Bytes of the area in use. */
  length: number;
  sequence: number;
}

interface Batch {
  readonly generation: Generation;
  readonly records: LogRecord[];
  readonly written: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Whose log it is. */
export interface LogIdentity {
  /** 32 hex digits, which the header of the image holds too. */
  session: string;
  /** Tells one boot of the machine from the next. */
  bootId: string;
}

export interface RedoLog {
  /**
   * Resolves when a killed process would not lose these records. Rejects when they could not be written or do not fit: then the log takes no
   * more, and another must be started.
   */
  append(records: readonly LogRecord[]): Promise<void>;
  /** Resolves when nothing of what was appended so far is on its way any more. */
  settled(): Promise<void>;
  /** What is appended from now on belongs to the next checkpoint. */
  nextGeneration(): void;
}

/** Begins a log with its header. The session must then be written to the image before the first `append`. */
export async function startRedoLog(file: BlockFile, identity: LogIdentity): Promise<RedoLog> {
  await file.write(0, encodeHeader(identity));
  return createRedoLog(file, identity);
}

function createRedoLog(file: BlockFile, identity: LogIdentity): RedoLog {
  let generation: Generation = { number: 1, length: 0, sequence: 0 };
  const waiting: Batch[] = [];
  let newest: Batch | undefined;
  let isWriting = false;
  let failure: Error | undefined;

  const write = async ({ generation: of, records }: Batch): Promise<void> => {
    if (failure !== undefined) throw failure;
    const batch = encodeBatch(records, of.number, of.sequence, identity.session);
    if (of.length + batch.length > areaSize) throw new Error('the redo log is full');
    await file.write(areaAt(of.number) + of.length, batch);
    of.length += batch.length;
    of.sequence += 1;
  };

  const drain = async (): Promise<void> => {
    isWriting = true;
    // What is appended in the same turn goes into the same batch.
    await Promise.resolve();
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      try {
        await write(batch);
        batch.resolve();
      } catch (error) {
        failure ??= error instanceof Error ? error : new Error(String(error));
        batch.reject(error);
      }
    }
    isWriting = false;
  };

  return {
    append: (records) => {
      let batch = waiting.at(-1);
      if (batch?.generation !== generation) {
        batch = createBatch(generation);
        waiting.push(batch);
        newest = batch;
      }
      batch.records.push(...records);
      if (!isWriting) void drain();
      return batch.written;
    },
    settled: async () => {
      await newest?.written.catch(() => undefined);
    },
    nextGeneration: () => {
      generation = { number: generation.number + 1, length: 0, sequence: 0 };
    },
  };
}

function createBatch(generation: Generation): Batch {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => undefined, () => undefined];
  const written = new Promise<void>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { generation, records: [], written, resolve, reject };
}

function encodeHeader({ session, bootId }: LogIdentity): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write(magic, 0, 'latin1');
  bytes.write(session, 16, 'hex');
  bytes.write(bootId, 64, 256, 'utf8');
  bytes.writeUInt32BE(crc32(bytes), 508);
  return bytes;
}

function encodeBatch(records: readonly LogRecord[], generation: number, sequence: number, session: string): Buffer {
  const bytes = Buffer.alloc(batchHeader + records.length * recordSize);
  bytes.writeUInt32BE(records.length, 4);
  put64(bytes, 8, generation);
  put64(bytes, 16, sequence);
  bytes.write(session, 24, 'hex');
  records.forEach(({ cluster, mapping }, index) => {
    const at = batchHeader + index * recordSize;
    put64(bytes, at, cluster);
    bytes.writeUInt8(mapping < 0 ? 1 : 0, at + 8);
    put48(bytes, at + 10, Math.abs(mapping));
  });
  bytes.writeUInt32BE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

function put64(bytes: Buffer, at: number, value: number): void {
  const { high, low } = halves(value);
  bytes.writeUInt32BE(high, at);
  bytes.writeUInt32BE(low, at + 4);
}

function put48(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt16BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value >>> 0, at + 2);
}

const get64 = (bytes: Buffer, at: number): number => bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);

interface Area {
  generation: number;
  records: LogRecord[];
}

/**
 * The last mapping of each guest cluster that a log knows, to be applied to the image of that session. Undefined when the log is not of this
 * session and boot: then only what was flushed is to be believed.
 */
export async function readRedoLog(file: BlockSource, identity: LogIdentity): Promise<Map<number, Mapping> | undefined> {
  const header = Buffer.alloc(512);
  await file.readInto(0, header);
  if (!header.equals(encodeHeader(identity))) return undefined;
  const areas = [await readArea(file, 0, identity), await readArea(file, 1, identity)].filter(
    ({ generation }) => generation > 0,
  );
  const newest = Math.max(0, ...areas.map(({ generation }) => generation));
  // An area two generations old is one whose successor was never written to: its checkpoint is done.
  const valid = areas.filter(({ generation }) => generation >= newest - 1).sort((a, b) => a.generation - b.generation);
  const last = new Map<number, Mapping>();
  for (const { records } of valid) for (const { cluster, mapping } of records) last.set(cluster, mapping);
  return last;
}

/** Read first of an area; twice as much when batches go on behind it. */
const firstRead = 64 * 1024;

async function readArea(file: BlockSource, parity: number, identity: LogIdentity): Promise<Area> {
  const start = areaAt(parity);
  const most = Math.max(0, Math.min(areaSize, file.size - start));
  for (let length = Math.min(firstRead, most); ; length = Math.min(length * 2, most)) {
    const bytes = Buffer.alloc(length);
    await file.readInto(start, bytes);
    const area = parseArea(bytes, parity, identity);
    if (area !== undefined) return area;
    // A batch that is longer than an area cannot be ours.
    if (length === most) return parseArea(bytes, parity, identity, true) as Area;
  }
}

/** The batches at the beginning of these bytes; undefined when one goes on behind their end, unless there is no more. */
function parseArea(bytes: Buffer, parity: number, { session }: LogIdentity, isAll = false): Area | undefined {
  const area: Area = { generation: 0, records: [] };
  for (let at = 0, sequence = 0; at + batchHeader <= bytes.length; sequence++) {
    const end = at + batchHeader + bytes.readUInt32BE(at + 4) * recordSize;
    const generation = get64(bytes, at + 8);
    const isNext = get64(bytes, at + 16) === sequence && (sequence === 0 || generation === area.generation);
    const isOurs = bytes.toString('hex', at + 24, at + 40) === session && generation % 2 === parity;
    if (!isNext || !isOurs) return area;
    if (end > bytes.length) return isAll ? area : undefined;
    if (crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(at)) return area;
    area.generation = generation;
    for (let each = at + batchHeader; each < end; each += recordSize) area.records.push(decodeRecord(bytes, each));
    at = end;
  }
  return isAll ? area : undefined;
}

function decodeRecord(bytes: Buffer, at: number): LogRecord {
  const value = bytes.readUInt16BE(at + 10) * 2 ** 32 + bytes.readUInt32BE(at + 12);
  const mapping = bytes.readUInt8(at + 8) === 1 ? -value : value;
  return { cluster: get64(bytes, at), mapping: Math.abs(mapping) < missing ? mapping : 0 };
}
