// Runs types, lint, import rules and every vitest project, and ends with one line that sums them all: `N passed, N failed`.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import { soakPage } from './soak-page.mjs';

const soak = process.argv.includes('--soak');
const words = (option) =>
  process.argv.filter((word) => word.startsWith(option)).flatMap((word) => word.slice(option.length).split(','));
/** Kinds of tests, and parts of the names of their files; none: all. */
const only = words('--only=');
const match = words('--match=');
const folder = mkdtempSync(join(tmpdir(), 'drover-test-'));
const environment = {
  ...process.env,
  // How often a loop runs, against the gate's count. Tests read both and print what they did.
  DROVER_TEST_RUNS_FACTOR: process.env.DROVER_TEST_RUNS_FACTOR ?? (soak ? '20' : '1'),
  DROVER_TEST_SEED: process.env.DROVER_TEST_SEED ?? (soak ? String(Date.now() % 2 ** 31) : '20261122'),
};
/** Lines such as `fuzz protocols/tftp: 2000 cases` and `loop kill-9 import: 25 moments, 0 failures`. */
const counts = [];
/** What failed, and where: the end of a long log is what people read, and often all that is kept of it. */
const failures = [];
/** Files of tests that were run, and the seconds each took. */
const files = [];
const times = [];
/** So many of the slowest are named: the gate has 40 minutes. */
const slowest = 40;

/** Runs a command, shows what it prints, and keeps the lines that count loops. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: environment });
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(line);
      const plain = stripVTControlCharacters(line).trim();
      if (/^(fuzz|loop) .+: \d+ /.test(plain)) counts.push(plain);
    });
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Runs a command beside others: what it prints comes in one piece at its end. */
function runAside(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
    const printed = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => printed.push(chunk));
    child.on('error', () => resolve(127));
    child.on('close', (code) => {
      process.stdout.write(Buffer.concat(printed));
      resolve(code ?? 1);
    });
  });
}

/** What failed in a file of tests: where, which, and why in one line, without the stack. */
function failuresOf({ name, message, status, assertionResults, startTime, endTime }) {
  const line = (text) => {
    const lines = stripVTControlCharacters(text ?? '').split('\n');
    const end = lines.findIndex((each) => /^\s+at /.test(each));
    const said = lines.slice(0, end < 0 ? undefined : end).filter((each) => each.trim() !== '');
    return said.join(' | ').slice(0, 500);
  };
  const file = relative(process.cwd(), name);
  const failed = assertionResults.filter((test) => test.status === 'failed');
  files.push(file);
  times.push({ file, seconds: (endTime - startTime) / 1000 });
  if (failed.length === 0) return status === 'failed' ? [{ file, why: line(message) }] : [];
  return failed.map((test) => ({ file, why: `${test.fullName}: ${line(test.failureMessages?.[0])}` }));
}

/** Passed and failed tests of one project; a file that could not be loaded counts as one failed test. */
function tally(name, report, code) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    const unloaded = testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    ).length;
    if (numPendingTests > 0) console.log(`${numPendingTests} tests were skipped, which counts as failed here`);
    for (const file of testResults) failures.push(...failuresOf(file));
    const failed = numFailedTests + unloaded + numPendingTests;
    return { passed: numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
  } catch {
    failures.push({ file: name, why: `vitest ended with ${code} and left no report` });
    return { passed: 0, failed: 1 };
  }
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
const wanted = (name) => only.length === 0 || only.includes(name);

/** What reads the sources only: one process after the other, on one core. */
async function readSources() {
  const read = [];
  for (const name of ['types', 'lint', 'arch'].filter(wanted)) {
    const at = Date.now();
    const code = await runAside('npm', ['run', '--silent', name]);
    if (code !== 0) failures.push({ file: name, why: `npm run ${name} ended with ${code}` });
    read.push({ name, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, seconds: (Date.now() - at) / 1000 });
  }
  return read;
}

/** `part`: those files alone whose paths begin so; `except`: all but those. Where only some files are wanted, no kind is in parts. */
async function runProject(name, { workers = 1, part, except } = {}) {
  const areSome = match.length > 0;
  if (!wanted(name) || (areSome && part !== undefined)) return [];
  const at = Date.now();
  const report = join(folder, `${name}${part === undefined ? '' : '-part'}.json`);
  const vitest = [
    'vitest',
    'run',
    '--project',
    name,
    `--maxWorkers=${workers}`,
    // Not every kind has files of a name.
    `--passWithNoTests=${areSome}`,
    ...(areSome || except === undefined ? [] : [`--exclude=${except}/**`]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...(part === undefined ? match : [part]),
  ];
  const code = await run('npx', vitest);
  return [{ name, ...tally(name, report, code), seconds: (Date.now() - at) / 1000 }];
}

/** Each project runs one test file after the other. */
const inTurn = (names) => async () => {
  const lane = [];
  for (const name of names) lane.push(...(await runProject(name)));
  return lane;
};
/** Waits more than it works: listens for seconds to networks of its own. */
const doctor = 'packages/doctor';
/** What comes after a stage has the machine to itself. Three at a time, of about the same length, keep two cores at work. */
const stages = [
  [
    async () => [
      ...(await readSources()),
      ...(await inTurn(['contract', 'browser'])()),
      ...(await runProject('interop', { part: doctor })),
    ],
    inTurn(['system']),
    async () => [...(await runProject('unit', { workers: 2 })), ...(await runProject('interop', { except: doctor }))],
  ],
  // An emulated board keeps one core at work.
  [() => runProject('e2e', { workers: 2 })],
  [inTurn(['e2e-pairs'])],
  // What the gate has a shorter test of.
  ...(soak || only.includes('e2e-long') ? [[() => runProject('e2e-long', { workers: 2 })]] : []),
  ...(soak || only.includes('e2e-long-pairs') ? [[inTurn(['e2e-long-pairs'])]] : []),
];
const rows = [];
const note = ({ name, passed, failed, seconds }) => {
  const known = rows.find((row) => row.name === name);
  if (known === undefined) rows.push({ name, passed, failed, seconds });
  else {
    known.passed += passed;
    known.failed += failed;
    known.seconds += seconds;
  }
};
for (const stage of stages) for (const lane of await Promise.all(stage.map((run) => run()))) lane.forEach(note);
rmSync(folder, { recursive: true, force: true });

console.log('');
for (const { name, passed, failed, seconds } of rows) {
  console.log(
    `${name.padEnd(10)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${seconds.toFixed(0).padStart(6)} s`,
  );
}
for (const { file, seconds } of times.sort((a, b) => b.seconds - a.seconds).slice(0, slowest)) {
  console.log(`slow ${seconds.toFixed(0).padStart(5)} s ${file}`);
}
for (const line of counts) console.log(line);

if (soak) {
  const previous = existsSync('bench/SOAK.md') ? readFileSync('bench/SOAK.md', 'utf8') : '';
  const run = `${new Date().toISOString().slice(0, 10)} ${commit} seed ${environment.DROVER_TEST_SEED}`;
  writeFileSync(
    'bench/SOAK.md',
    soakPage(previous, { rows: match.length === 0 ? rows : [], counts, run, files, failures }),
  );
}

for (const { file, why } of failures) console.log(`failed: ${file}: ${why}`);
const passed = rows.reduce((sum, row) => sum + row.passed, 0);
const failed = rows.reduce((sum, row) => sum + row.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
