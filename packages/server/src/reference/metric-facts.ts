import { counterTable, type CounterFacts } from '../boot-plane/counters.js';
import { gaugeSources, type GaugeDeps } from '../composition/gauges.js';
import { createMetrics } from '../listeners/http/metrics.js';
import type { MetricFacts } from './pages.js';

/** Labels of what the control plane measures itself; the others say theirs in a table. */
const ownLabels: Readonly<Record<string, readonly string[]>> = {
  drover_http_request_duration_seconds: ['method', 'route', 'status'],
  drover_boots_total: ['outcome'],
  drover_metrics_absent: ['name'],
};

/** Every metric of ours that /metrics may have. `text`: what a server without figures says, for those that are declared only there. */
export const metricFacts = async (): Promise<readonly MetricFacts[]> => {
  // What is never read needs nothing to read from.
  const sources = gaugeSources({} as GaugeDeps);
  const gauges = sources.map(({ name, help, labels }) => ({ name, kind: 'gauge', help, labels }));
  const text = await createMetrics([]).text();
  const kinds = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', kind = '']) => [name, kind]));
  const own = [...text.matchAll(/^# HELP (drover_\S+) (.*)$/gm)].map(([, name = '', help = '']) => ({
    ...{ name, kind: kinds.get(name) ?? '', help },
    labels: ownLabels[name] ?? [],
  }));
  const counters = Object.entries<CounterFacts>(counterTable).map(([name, { kind, help, labels }]) => ({
    ...{ name, kind: kind ?? 'counter' },
    ...{ help, labels },
  }));
  return [...gauges, ...own, ...counters].sort((a, b) => (a.name < b.name ? -1 : 1));
};
