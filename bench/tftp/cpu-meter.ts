import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSeconds } from '../cpu.js';

/** Counts the CPU time of a program and of everything it starts. */
export interface CpuMeter {
  /** Put before the command to be measured. */
  readonly prefix: readonly string[];
  /** So far, of the program with this pid. */
  seconds(pid: number): number;
  /** When the program has ended. */
  remove(): void;
}

/**
 * A control group where the machine lets us make one: it also has the time of children nobody waited for, as those of
 * tftpd-hpa are, and counts finer than in hundredths of a second. Otherwise the process tree in /proc.
 */
export function cpuMeter(name: string): CpuMeter {
  for (const [root, file, perSecond] of hierarchies) {
    const folder = join(root, `drover-bench-${process.pid}-${name}`);
    const usage = join(folder, file);
    try {
      mkdirSync(folder);
    } catch {
      continue;
    }
    if (!existsSync(usage)) {
      rmdirSync(folder);
      continue;
    }
    return {
      prefix: ['sh', '-c', 'echo $$ > "$0" && exec "$@"', join(folder, 'cgroup.procs')],
      seconds: () => Number(/\d+/.exec(readFileSync(usage, 'utf8'))?.[0]) / perSecond,
      remove: () => rmdirSync(folder),
    };
  }
  return { prefix: [], seconds: cpuSeconds, remove: () => undefined };
}

/** cgroup v1 counts nanoseconds in a file of its own; v2 begins cpu.stat with `usage_usec`. */
const hierarchies = [
  ['/sys/fs/cgroup/cpuacct', 'cpuacct.usage', 1e9],
  ['/sys/fs/cgroup', 'cpu.stat', 1e6],
  ['/sys/fs/cgroup/unified', 'cpu.stat', 1e6],
] as const;
