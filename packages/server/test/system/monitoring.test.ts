import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricFacts } from '../../src/reference/metric-facts.js';
import { startServer, until, type TestServer } from './server.js';

const deploy = fileURLToPath(new URL('../../../../deploy/', import.meta.url));

interface Expression {
  readonly where: string;
  readonly text: string;
}

interface Alerts {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly annotations: Readonly<Record<string, string>>;
    }[];
  }[];
}
interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
}

const alerts = (parse(readFileSync(`${deploy}prometheus/alerts.yml`, 'utf8')) as Alerts).groups.flatMap(
  ({ rules }) => rules,
);
const { panels } = JSON.parse(readFileSync(`${deploy}grafana/drover.json`, 'utf8')) as Dashboard;

const expressions: readonly Expression[] = [
  ...alerts.map(({ alert, expr }) => ({ where: alert, text: expr })),
  ...panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({
      where: title,
      // Grafana fills these in before Prometheus sees the expression.
      text: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    })),
  ),
];

/** Metrics of an expression, each with the labels it is selected by; what does not parse is named as `error`. */
function selectorsIn(text: string): { readonly name: string; readonly labels: readonly string[] }[] {
  const found: { name: string; labels: string[] }[] = [];
  parser.parse(text).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found.push({ name: `error at ${from}`, labels: [] });
      if (type.name === 'VectorSelector') found.push({ name: '', labels: [] });
      const last = found.at(-1);
      if (type.name === 'Identifier' && last?.name === '') last.name = text.slice(from, to);
      if (type.name === 'LabelName' && last !== undefined && text.slice(to).trimStart().startsWith('=')) {
        last.labels.push(text.slice(from, to));
      }
    },
  });
  return found;
}

/** What Prometheus adds to all it reads, and a histogram to its buckets. */
const added = ['job', 'instance'];

let server: TestServer;
/** Metrics as a server with some use tells them: name to the labels seen. */
const told = new Map<string, Set<string>>();

beforeAll(async () => {
  server = await startServer();
  await fetch(`${server.bootUrl}/netboot/91cdf03d/config.txt`);
  await until('the counters of the boot plane are there', async () =>
    (await metricsText()).includes('drover_boot_telemetry_total'),
  );
  for (const line of (await metricsText()).split('\n')) {
    const [, name, labels = ''] = /^([a-z0-9_]+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    const seen = told.get(name) ?? new Set();
    told.set(name, seen);
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) seen.add(label);
  }
});
afterAll(() => server.stop());

const metricsText = async (): Promise<string> =>
  (await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${server.key}` } })).text();

describe('dashboard and alerts', () => {
  it('have expressions that Prometheus can read', () => {
    expect(expressions.length).toBeGreaterThan(40);
    const faults = expressions.filter(({ text }) => selectorsIn(text).some(({ name }) => name.startsWith('error')));
    expect(faults).toEqual([]);
    expect(selectorsIn('sum(rate(a{b="c"}[5m]) +')).toContainEqual({
      name: expect.stringMatching(/^error/) as string,
      labels: [],
    });
  });

  it('ask for metrics and labels that a server tells', async () => {
    const facts = new Map((await metricFacts()).map((fact) => [fact.name, fact]));
    const faults = expressions.flatMap(({ where, text }) =>
      selectorsIn(text).flatMap(({ name, labels }) => {
        if (name === 'up') return [];
        const fact = facts.get(name) ?? facts.get(name.replace(/_(bucket|sum|count)$/, ''));
        const seen = told.get(name);
        if (fact === undefined && seen === undefined) return [`${where}: no metric ${name}`];
        const known = new Set([...added, ...(fact?.labels ?? []), ...(seen ?? []), 'le']);
        return labels.filter((label) => !known.has(label)).map((label) => `${where}: ${name} has no label ${label}`);
      }),
    );
    expect(faults).toEqual([]);
  });

  it('are complete: an alert has words and a severity, a panel an id of its own', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(labels['severity'], alert).toMatch(/^(info|warning|critical)$/);
      expect(Object.keys(annotations).sort(), alert).toEqual(['description', 'summary']);
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});

it('a server tells no metric of Drover that the reference does not have', async () => {
  const known = new Set((await metricFacts()).map(({ name }) => name));
  const unknown = [...told.keys()].filter(
    (name) => name.startsWith('drover_') && !known.has(name.replace(/_(bucket|sum|count)$/, '')) && !known.has(name),
  );
  expect(unknown).toEqual([]);
  // And most of those it has are there from the start.
  expect([...known].filter((name) => told.has(name) || told.has(`${name}_bucket`)).length).toBeGreaterThan(15);
});
