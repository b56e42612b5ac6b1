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

/**
 * Makes what a drive may hold after that: everything that was durable, and of the rest some, in part, in the order in which it came. Few drives
 * lose much; so in some moments all of it is there but for what is torn.
 */
export function writeState(
  path: string,
  log: WriteLog,
  entries: readonly LogEntry[],
  { given, durable }: Moment,
  size: number,
  chance: () => number,
): void {
  const file = openSync(path, 'w');
  try {
    ftruncateSync(file, size);
    const share = chance() < 0.2 ? 1 : 0.5;
    for (const [index, entry] of entries.slice(0, given).entries()) {
      if (index < durable) apply(file, entry, contentOf(log, entry), 0);
      else if (chance() < share) applyPart(file, entry, contentOf(log, entry), chance);
    }
  } finally {
    closeSync(file);
  }
}

const contentOf = (log: WriteLog, entry: LogEntry): Buffer =>
  entry.discard ? Buffer.alloc(entry.length) : log.bytesOf(entry);

function apply(file: number, { offset }: LogEntry, bytes: Buffer, skip: number): void {
  if (bytes.length > 0) writeSync(file, bytes, 0, bytes.length, offset + skip);
}

/** Of one write in five only the sectors before or behind some place. */
function applyPart(file: number, entry: LogEntry, bytes: Buffer, chance: () => number): void {
  const tear = Math.floor(chance() * (bytes.length / sector + 1)) * sector;
  if (chance() >= 0.2) apply(file, entry, bytes, 0);
  else if (chance() < 0.5) apply(file, entry, bytes.subarray(0, tear), 0);
  else apply(file, entry, bytes.subarray(tear), tear);
}
