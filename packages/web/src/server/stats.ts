import { serverSeries, type ServerSeries, type ServerStats } from '@drover/contract';

/** An hour of samples, and one more so that the first is not cut off while a new one comes. */
const keptSeconds = 3605;

/** What is known with what came since; older than an hour goes. A server that began anew has a history of its own. Pure. */
export const mergeStats = (known: ServerStats | undefined, fresh: ServerStats): ServerStats => {
  if (known === undefined || known.startedAt !== fresh.startedAt) return fresh;
  const last = known.at.at(-1) ?? 0;
  const newest = fresh.at.at(-1) ?? last;
  const skip = fresh.at.findIndex((at) => at > last);
  const added = skip === -1 ? fresh.at.length : skip;
  const first = known.at.findIndex((at) => at > newest - keptSeconds);
  const kept = first === -1 ? known.at.length : first;
  const join = <T>(before: readonly T[], after: readonly T[]): T[] => [...before.slice(kept), ...after.slice(added)];
  return {
    ...fresh,
    at: join(known.at, fresh.at),
    series: Object.fromEntries(
      serverSeries.map((name) => [name, join(known.series[name], fresh.series[name])]),
    ) as ServerStats['series'],
  };
};

export interface SeriesFigures {
  /** The newest; null: it cannot be told at this moment. */
  readonly now: number | null;
  /** The highest of all that is known. */
  readonly most: number | null;
}

export const figuresOf = (stats: ServerStats, name: ServerSeries): SeriesFigures => {
  const values = stats.series[name];
  let most: number | null = null;
  for (const value of values) if (value !== null && (most === null || value > most)) most = value;
  return { now: values.at(-1) ?? null, most };
};
