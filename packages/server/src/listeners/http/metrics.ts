import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A number read when the metrics are asked for. */
export interface GaugeSource {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  read(): Promise<readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[]>;
}

/** A counter kept elsewhere (in the boot plane), as it stands. */
export interface CounterReading {
  readonly name: string;
  /** What it is when it is no counter. */
  readonly type?: 'gauge';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface HttpMetrics {
  /** Everything in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
  /** One answered request; `route` is the pattern, never the path with its names. */
  observe(request: { method: string; route: string; status: number; seconds: number }): void;
  /** One request answered before the HTTP server saw it, which takes microseconds. */
  readonly quick: () => void;
  /** A boot is over. `upSeconds`: what it took, of one that came up. */
  readonly bootEnded: (boot: { readonly outcome: string; readonly upSeconds: number | undefined }) => void;
  readonly streamOpened: () => void;
  readonly streamClosed: () => void;
  /** Requests that were answered so far, and event streams that are open. */
  readonly totals: () => { readonly requests: number; readonly streams: number };
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** Counters of the other plane in Prometheus' text format, each name declared once. */
export const counterText = (counters: readonly CounterReading[]): string => {
  const byName = new Map<string, CounterReading[]>();
  for (const counter of counters) byName.set(counter.name, [...(byName.get(counter.name) ?? []), counter]);
  return [...byName]
    .map(([name, readings]) => {
      const lines = readings.map(({ labels, value }) => {
        const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
        return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
      });
      return `# TYPE ${name} ${readings[0]?.type ?? 'counter'}\n${lines.join('')}`;
    })
    .join('');
};

const within = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Prometheus metrics of one process: Node's own (event loop lag, memory, CPU), HTTP, and whatever `sources` tell. A source that fails, or does not answer
 * in `timeoutMs`, is left out: what is told of a server whose database is away matters most then.
 */
export const createMetrics = (
  sources: readonly GaugeSource[],
  counters: () => readonly CounterReading[] = () => [],
  timeoutMs = 2000,
): HttpMetrics => {
  const registry = new Registry();
  // The default of 10 ms wakes each process a hundred times a second, which is most of what an idle server does.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  const duration = new Histogram({
    name: 'drover_http_request_duration_seconds',
    help: 'Time from the first byte of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  });
  let [requests, openStreams] = [0, 0];
  let quick = 0;
  new Counter({
    name: 'drover_http_quick_answers_total',
    help: 'Configs of cards answered from memory; they are not in drover_http_request_duration_seconds',
    registers: [registry],
    collect() {
      this.inc(quick);
      quick = 0;
    },
  });
  const streams = new Gauge({
    name: 'drover_http_event_streams',
    help: 'Event streams that are open',
    registers: [registry],
  });
  const boots = new Counter({
    name: 'drover_boots_total',
    help: 'Boots that are over, by outcome',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const upSeconds = new Histogram({
    name: 'drover_boot_up_seconds',
    help: 'Time from the first sign of a boot to its report that it is up',
    buckets: [10, 20, 30, 45, 60, 90, 120, 300, 600],
    registers: [registry],
  });
  const absent = new Gauge({
    name: 'drover_metrics_absent',
    help: '1 for what could not be told this time, because the database or the disk does not answer',
    labelNames: ['name'],
    registers: [registry],
  });
  const gauges = sources.map((source) => ({
    source,
    gauge: new Gauge({ name: source.name, help: source.help, labelNames: [...source.labels], registers: [registry] }),
  }));
  const collect = async ({ source, gauge }: (typeof gauges)[number]): Promise<void> => {
    gauge.reset();
    try {
      for (const { labels, value } of await within(timeoutMs, source.read())) gauge.set({ ...labels }, value);
    } catch {
      // One without labels would stand at 0, which is not what is known.
      if (source.labels.length === 0) gauge.remove();
      absent.set({ name: source.name }, 1);
    }
  };
  return {
    contentType: registry.contentType,
    text: async () => {
      absent.reset();
      await Promise.all(gauges.map(collect));
      return `${await registry.metrics()}${counterText(counters())}`;
    },
    observe: ({ method, route, status, seconds }) => {
      requests += 1;
      duration.observe({ method, route, status: String(status) }, seconds);
    },
    quick: () => {
      quick += 1;
      requests += 1;
    },
    bootEnded: (boot) => {
      boots.inc({ outcome: boot.outcome });
      if (boot.upSeconds !== undefined) upSeconds.observe(boot.upSeconds);
    },
    streamOpened: () => {
      openStreams += 1;
      streams.inc();
    },
    streamClosed: () => {
      openStreams -= 1;
      streams.dec();
    },
    totals: () => ({ requests, streams: openStreams }),
  };
};

/** `GET /metrics` in Prometheus' text format; the caller decides beforehand who may read it. */
export const registerMetrics = (app: FastifyInstance, metrics: HttpMetrics): void => {
  app.get('/metrics', async (_request, reply) =>
    reply
      .type(metrics.contentType)
      .header('cache-control', 'no-store')
      .send(await metrics.text()),
  );
};
