// npm run bench -- NAME... [--json]: measures Drover beside its peers and keeps the tables in bench/RESULTS.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import type { Benchmark, Row } from './row.js';

const benchmarks: Record<string, () => Promise<Benchmark>> = {
  tftp: async () => (await import('./tftp/index.js')).tftpBenchmark,
  http: async () => (await import('./http/index.js')).httpBenchmark,
  nbd: async () => (await import('./nbd/index.js')).nbdBenchmark,
  build: async () => (await import('./build/index.js')).buildBenchmark,
  provision: async () => (await import('./provision/index.js')).provisionBenchmark,
  bootapi: async () => (await import('./bootapi/index.js')).bootapiBenchmark,
  import: async () => (await import('./import/index.js')).importBenchmark,
  update: async () => (await import('./update/index.js')).updateBenchmark,
  cpi: async () => (await import('./cpi/index.js')).cpiBenchmark,
};

const results = new URL('./RESULTS.md', import.meta.url);
const json = process.argv.includes('--json');
const names = process.argv.slice(2).filter((word) => !word.startsWith('--'));

const unknown = names.filter((name) => benchmarks[name] === undefined);
if (names.length === 0 || unknown.length > 0) {
  console.error(`usage: npm run bench -- ${Object.keys(benchmarks).join('|')} [--json]`);
  process.exit(2);
}

const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
let missed = false;
for (const name of names) {
  const load = benchmarks[name];
  if (load === undefined) continue;
  const benchmark = await load();
  const rows = await benchmark(json ? () => undefined : (line) => console.error(line));
  const date = new Date().toISOString();
  if (rows.length === 0 || rows.some((row) => !row.ok)) missed = true;
  if (json) console.log(JSON.stringify({ bench: name, date, machine, rows }));
  else console.log(table(rows));
  keep(name, date, rows);
}
process.exit(missed ? 1 : 0);

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    (row) =>
      `| ${[row.case, row.metric, row.drover, row.peer, row.peerValue, row.ratio, row.limit ?? '', row.ok ? 'yes' : '**no**'].join(' | ')} |`,
  );
  return [
    '| case | metric | Drover | peer | peer value | ratio | limit | ok |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

/** Replaces this benchmark's section of RESULTS.md and leaves the others. */
function keep(name: string, date: string, rows: readonly Row[]): void {
  const head =
    '# Results\n\nMade by `npm run bench`; each section is one run. Less is better; a ratio is the median of paired rounds.\n';
  const old = existsSync(results) ? readFileSync(results, 'utf8') : head;
  const sections = old.split(/^(?=## )/m);
  const section = `## ${name}\n\n${date}, ${machine}\n\n${table(rows)}\n\n`;
  const at = sections.findIndex((part) => part.startsWith(`## ${name}\n`));
  if (at < 0) sections.push(section);
  else sections[at] = section;
  writeFileSync(results, `${sections.map((part) => part.trimEnd()).join('\n\n')}\n`);
}
