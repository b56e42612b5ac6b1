import { errorRemedies, errorTable, eventTable, eventTypes, type ErrorCode } from '@drover/contract';

/** Pages of docs/reference that are made from tables, before prettier lays them out. */

const note = (source: string): string =>
  `<!-- Made from ${source}: change it there, then run \`npm run generate\`. -->`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

export const markdownTable = (titles: readonly string[], rows: readonly (readonly string[])[]): string =>
  [
    `| ${titles.join(' | ')} |`,
    `| ${titles.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
    '',
  ].join('\n');

const code = (text: string): string => `\`${text}\``;

/** docs/reference/errors.md */
export const errorsPage = (): string =>
  [
    '# Errors',
    '',
    note('packages/contract/src/error-table.ts'),
    '',
    'What the API refuses is a problem document (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `code`, `detail`, and where there is something to say `remedy`, `errors`',
    '(field by field), `conflicts` and `requestId`. The command line shows detail and remedy, and ends with the exit code; with `--json` it prints the document. Codes are stable. The remedy here is',
    'told where a refusal has no better one.',
    '',
    markdownTable(
      ['code', 'HTTP', 'exit', 'meaning', 'remedy'],
      Object.entries(errorTable).map(([name, { status, exit, title }]) => [
        code(name),
        String(status),
        String(exit),
        title,
        errorRemedies[name as ErrorCode],
      ]),
    ),
  ].join('\n');

/** docs/reference/events.md */
export const eventsPage = (): string =>
  [
    '# Events',
    '',
    note('packages/contract/src/resources/event-table.ts'),
    '',
    'The event log: `drover events`, `GET /api/v2/events`, live with `Accept: text/event-stream` and resumed by `Last-Event-ID`. Each event is written in the transaction of the change that it tells of, and has',
    '`id`, `type`, `at`, `tenant`, `subject` (the id of what it is about) and `data`. Types are stable; members may be added to `data`, and those without a value are left out.',
    '',
    markdownTable(
      ['type', 'about', 'meaning', 'data'],
      eventTypes.map((type) => {
        const { subject, meaning, data } = eventTable[type];
        return [code(type), subject, meaning, data.map(code).join(', ')];
      }),
    ),
  ].join('\n');

export interface MetricFacts {
  readonly name: string;
  readonly kind: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** docs/reference/metrics.md */
export const metricsPage = (metrics: readonly MetricFacts[]): string =>
  [
    '# Metrics',
    '',
    note('packages/server/src/composition/gauges.ts, listeners/http/metrics.ts and boot-plane/counters.ts'),
    '',
    '`GET /metrics` in the text format of Prometheus; `http.openMetrics` lets it be read without a key. A counter appears when there was something to count. Beside these there are those of Node itself',
    '(`process_*`, `nodejs_*`: memory, CPU, event loop) of the control plane. How to watch a server with them: [monitoring](../how-to/monitoring.md).',
    '',
    markdownTable(
      ['name', 'kind', 'labels', 'meaning'],
      metrics.map(({ name, kind, labels, help }) => [code(name), kind, labels.map(code).join(', '), help]),
    ),
  ].join('\n');
