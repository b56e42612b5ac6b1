import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { LogEntry, WriteLog } from './write-log.js';

/** A moment at which the power went. */
export interface Moment {
  /** Writes that the drive had been given. */
  readonly given: number;
  /** Those of them that it had been told to make durable, with the flush that said so. */
  readonly durable: number;
}

/** Moments between two counts of writes, in order. */
export function drawMoments(
  entries: readonly LogEntry[],
  range: { from: number; to: number },
  count: number,
  chance: () => number,
): Moment[] {
  const at = Array.from({ length: count }, () => range.from + 1 + Math.floor(chance() * (range.to - range.from)));
  return at
    .sort((a, b) => a - b)
    .map((given) => ({ given, durable: entries.slice(0, given).findLastIndex(({ flush }) => flush) + 1 }));
}

const sector = 512;

/** Bytes that a drive has kept. */
export interface Kept {
  readonly offset: number;
  readonly bytes: Buffer;
}

type Wanted = (entry: LogEntry) => boolean;
const all: Wanted = () => true;

/** Writes that were durable. `isWanted`: those that nobody looks for are not read. */
export function* durableOf(log: WriteLog, entries: readonly LogEntry[], isWanted = all): Generator<Kept> {
  for (const entry of entries.filter(isWanted)) yield { offset: entry.offset, bytes: contentOf(log, entry) };
}

/**
 * Of what was given and not durable, some that a drive may have kept, in part, in the order in which it came. Few drives lose much; so in some moments all
 * of it is there but for what is torn.
 */
export function* volatileOf(
  log: WriteLog,
  entries: readonly LogEntry[],
  { given, durable }: Moment,
  chance: () => number,
  isWanted = all,
): Generator<Kept> {
  const share = chance() < 0.2 ? 1 : 0.5;
  for (const entry of entries.slice(durable, given).filter(isWanted))
    if (chance() < share) yield partOf(entry, contentOf(log, entry), chance);
}

/** All that a drive may have kept then. */
export function* keptOf(
  log: WriteLog,
  entries: readonly LogEntry[],
  moment: Moment,
  chance: () => number,
): Generator<Kept> {
  yield* durableOf(log, entries.slice(0, moment.durable));
  yield* volatileOf(log, entries, moment, chance);
}

/** Makes a drive that held nothing before and has kept that. */
export function writeState(
  path: string,
  log: WriteLog,
  entries: readonly LogEntry[],
  moment: Moment,
  size: number,
  chance: () => number,
): void {
  const file = openSync(path, 'w');
  try {
    ftruncateSync(file, size);
    for (const { offset, bytes } of keptOf(log, entries, moment, chance))
      if (bytes.length > 0) writeSync(file, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(file);
  }
}

const contentOf = (log: WriteLog, entry: LogEntry): Buffer =>
  entry.discard ? Buffer.alloc(entry.length) : log.bytesOf(entry);

/** Of one write in five only the sectors before or behind some place. */
function partOf({ offset }: LogEntry, bytes: Buffer, chance: () => number): Kept {
  const tear = Math.floor(chance() * (bytes.length / sector + 1)) * sector;
  if (chance() >= 0.2) return { offset, bytes };
  if (chance() < 0.5) return { offset, bytes: bytes.subarray(0, tear) };
  return { offset: offset + tear, bytes: bytes.subarray(tear) };
}
