import type { KernelRecord } from './datagram.js';

/** A record with all of its body, or what came of it. */
export interface WholeRecord extends Omit<KernelRecord, 'fragment'> {
  /** False: bytes in its middle or at its end did not come. */
  readonly isComplete: boolean;
}

/** Puts records together that netconsole sent in pieces (`ncfrag=offset/total`). */
export interface Fragments {
  /** Undefined: not all pieces are there. */
  take(record: KernelRecord): WholeRecord | undefined;
  /** What is there of all that are not complete; they are forgotten. */
  giveUp(): WholeRecord[];
  isEmpty(): boolean;
}

interface Unfinished {
  readonly first: KernelRecord;
  readonly total: number;
  readonly pieces: Map<number, Uint8Array>;
}

export interface FragmentLimits {
  /** Longest body, in bytes. The kernel's is 8 KiB (CONSOLE_EXT_LOG_MAX). */
  readonly record: number;
  /** Records that wait for pieces at once. */
  readonly unfinished: number;
}

/** Pieces of one record: netconsole sends a thousand bytes at a time. */
const mostPieces = 64;

export function createFragments(limits: FragmentLimits): Fragments {
  const waiting = new Map<number, Unfinished>();

  const takePiece = (record: KernelRecord, offset: number, total: number): WholeRecord | undefined => {
    if (total > limits.record || offset + record.body.length > total) return undefined;
    const known = waiting.get(record.sequence);
    const isSame = known?.total === total && known.first.uptimeUs === record.uptimeUs;
    const unfinished = isSame ? known : { first: record, total, pieces: new Map<number, Uint8Array>() };
    waiting.set(record.sequence, unfinished);
    if (unfinished.pieces.size < mostPieces) unfinished.pieces.set(offset, Uint8Array.from(record.body));
    const joined = join(unfinished);
    if (joined.isComplete) waiting.delete(record.sequence);
    // The oldest makes room: what is missing of it was most likely lost.
    else if (waiting.size > limits.unfinished) waiting.delete(waiting.keys().next().value!);
    return joined.isComplete ? joined : undefined;
  };

  return {
    take: (record) => {
      const { fragment } = record;
      if (fragment !== undefined) return takePiece(record, fragment.offset, fragment.total);
      if (record.body.length > limits.record)
        return { ...record, body: record.body.subarray(0, limits.record), isComplete: false };
      return { ...record, isComplete: true };
    },
    giveUp: () => {
      const left = [...waiting.values()].map(join);
      waiting.clear();
      return left;
    },
    isEmpty: () => waiting.size === 0,
  };
}

const hole = Uint8Array.from([0x5b, 0x2e, 0x2e, 0x2e, 0x5d]);

/** The pieces in their order, `[...]` where one is missing. Overlaps are taken from the earlier piece. */
function join({ first, total, pieces }: Unfinished): WholeRecord {
  const parts: Uint8Array[] = [];
  let end = 0;
  let isComplete = true;
  for (const [offset, piece] of [...pieces].sort(([a], [b]) => a - b)) {
    if (offset > end) {
      parts.push(hole);
      isComplete = false;
    }
    parts.push(piece.subarray(Math.min(piece.length, Math.max(0, end - offset))));
    end = Math.max(end, offset + piece.length);
  }
  if (end < total) {
    parts.push(hole);
    isComplete = false;
  }
  const body = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return { ...first, body, isComplete };
}
