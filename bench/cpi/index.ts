import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuSeconds } from '../cpu.js';
import { pairedRow, type Benchmark } from '../row.js';

const rounds = 9;
/** Of one kind, one after the other: the clock of processes ticks a hundred times a second. */
const starts = 10;
const executable = fileURLToPath(new URL('../../packages/bosh-cpi/bin/drover-cpi', import.meta.url));

const cases = [
  { case: 'info', request: { method: 'info', arguments: [] } },
  // Everything that a call reads, up to where it would ask the server.
  { case: 'a call that is refused before the network', request: { method: 'has_vm', arguments: ['x'], context: {} } },
];

/** Of one start, in ms: processor, and time until it has ended. */
interface Start {
  readonly cpu: number;
  readonly time: number;
}

const metrics = [
  { metric: 'CPU ms/call', of: ({ cpu }: Start) => cpu },
  { metric: 'ms/call', of: ({ time }: Start) => time },
];

const startOf = (args: readonly string[], input: string): Start => {
  const before = cpuSeconds(process.pid);
  const begun = performance.now();
  for (let count = 0; count < starts; count += 1) {
    const { status, stderr } = spawnSync(process.execPath, args, { input });
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr.toString()}`);
  }
  return { cpu: ((cpuSeconds(process.pid) - before) * 1000) / starts, time: (performance.now() - begun) / starts };
};

/** What the CPI takes of a processor and of time for each call, beside a Node that does nothing: it is a process for each call. */
export const cpiBenchmark: Benchmark = async (say) => {
  const measured = cases.map((each) => ({ ...each, drover: [] as Start[], bare: [] as Start[] }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { request, drover, bare } of measured) {
      bare.push(startOf(['-e', '0'], ''));
      drover.push(startOf([executable], JSON.stringify(request)));
    }
    say(`round ${round} of ${rounds}`);
  }
  return measured.flatMap(({ case: name, drover, bare }) =>
    metrics.map(({ metric, of }) => pairedRow({ case: name, metric, peer: 'node -e 0' }, drover.map(of), bare.map(of))),
  );
};
