import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

interface Stat {
  readonly parent: number;
  /** Clock ticks of the process and of the children it has waited for. */
  readonly ticks: number;
}

/** /proc/PID/stat (proc(5)): fields 14 to 17 behind the command name, which may hold anything. */
function readStat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    return { parent: fields[1] ?? 0, ticks: [11, 12, 13, 14].reduce((sum, at) => sum + (fields[at] ?? 0), 0) };
  } catch {
    return undefined;
  }
}

/** CPU seconds used so far by a process and everything below it, also what has ended and was waited for. */
export function cpuSeconds(pid: number): number {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : undefined;
    if (stat !== undefined) stats.set(Number(name), stat);
  }
  const below = (root: number): number => {
    let ticks = stats.get(root)?.ticks ?? 0;
    for (const [child, stat] of stats) if (stat.parent === root) ticks += below(child);
    return ticks;
  };
  return below(pid) / ticksPerSecond;
}
