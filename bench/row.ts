/** One line of a benchmark's table: Drover beside one peer, both measured in the same run. */
export interface Row {
  /** What was done: `1468 B blocks, 200 clients`. */
  readonly case: string;
  /** What was measured, with its unit: `server CPU ms/MB`. Less is better, always. */
  readonly metric: string;
  readonly drover: number;
  readonly peer: string;
  readonly peerValue: number;
  /** drover / peerValue: the median of the rounds' ratios, not the ratio of medians. */
  readonly ratio: number;
  /** Greatest ratio an issue allows; null where none is set. */
  readonly limit: number | null;
  /** False when the limit is missed or the peer's run was not valid. */
  readonly ok: boolean;
}

/** Progress for a person; nothing of it goes to the table. */
export type Say = (line: string) => void;

/** Measures and returns rows, CPU per unit first. Rejects when it cannot run at all. */
export type Benchmark = (say: Say) => Promise<Row[]>;

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
};

/** A row from paired rounds: `drover[i]` and `peer[i]` were measured one after the other. */
export function pairedRow(
  what: { case: string; metric: string; peer: string; limit?: number; valid?: boolean },
  drover: readonly number[],
  peer: readonly number[],
): Row {
  const ratio = median(drover.map((value, round) => value / (peer[round] ?? NaN)));
  const limit = what.limit ?? null;
  const valid = (what.valid ?? true) && Number.isFinite(ratio);
  return {
    case: what.case,
    metric: what.metric,
    drover: round(median(drover)),
    peer: what.peer,
    peerValue: round(median(peer)),
    ratio: round(ratio),
    limit,
    ok: valid && (limit === null || ratio <= limit),
  };
}

const round = (value: number): number => Number(value.toPrecision(4));
