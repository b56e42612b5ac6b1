import type { ServerSeries } from '@drover/contract';
import type { Clock, Log, Service } from '../ports.js';
import { createRates, type Reading } from './rates.js';
import type { SampleRing } from './ring.js';

type Values = Partial<Record<ServerSeries, number>>;

/** Where the numbers come from. What a gauge cannot tell it leaves out, or fails. */
export interface SampleSources {
  /** Whoever counts: each counter under the series of its rate. Undefined while it is away. */
  readonly counters: readonly (() => Reading | undefined)[];
  /** What can be told at once, and what has to be asked for: each of them may fail alone. */
  readonly gauges: readonly (() => Values | Promise<Values>)[];
}

interface Deps {
  readonly ring: SampleRing<ServerSeries>;
  readonly names: readonly ServerSeries[];
  readonly sources: SampleSources;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs: number;
}

export interface Sampler extends Service {
  /** Takes one sample now. */
  sample(): Promise<void>;
}

const merged = (parts: readonly Values[]): Values => parts.reduce((all, part) => ({ ...all, ...part }), {});

/** Takes a sample of the server each `intervalMs`. One that takes longer than that (a database that does not answer) holds up the next; none are taken at once. */
export const createSampler = ({ ring, names, sources, clock, log, intervalMs }: Deps): Sampler => {
  let timer: ReturnType<typeof setInterval> | undefined;
  let running: Promise<void> | undefined;
  const meters = sources.counters.map((read) => ({ read, rates: createRates() }));
  const rates = (): Values => merged(meters.map((meter) => meter.rates(meter.read())));
  let isFailing = false;

  const take = async (): Promise<void> => {
    const at = clock.now();
    const counted = rates();
    const read = await Promise.allSettled(sources.gauges.map(async (gauge) => gauge()));
    const failed = read.find((result) => result.status === 'rejected');
    // A database that is away is away for a while: said once.
    if (failed !== undefined && !isFailing) log.debug({ err: failed.reason as unknown }, 'some figures cannot be told');
    isFailing = failed !== undefined;
    const known = merged([counted, ...read.map((result) => (result.status === 'fulfilled' ? result.value : {}))]);
    const values = Object.fromEntries(names.map((name) => [name, known[name] ?? null])) as Record<
      ServerSeries,
      number | null
    >;
    ring.push({ at: Math.round(at / 1000), values });
  };
  const sample = (): Promise<void> => {
    running ??= take().finally(() => {
      running = undefined;
    });
    return running;
  };
  return {
    sample,
    start: async (signal) => {
      signal.throwIfAborted();
      rates();
      timer = setInterval(() => void sample(), intervalMs);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
};
