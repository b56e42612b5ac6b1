import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../inputs/run.js';

/** One file per lab in use, naming its owner, so that labs of killed runs are told from living ones. */
const recordsDir = '/run/drover-lab';

/** Names of a lab's namespaces start with this and its id. */
export const namespacePrefix = 'drv-lab-';

interface LabRecord {
  readonly pid: number;
  /** Clock ticks since boot at which the owner started: a pid alone may belong to somebody else by now. */
  readonly startTicks: string;
  readonly dir: string;
}

async function startTicksOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field, the name, may hold anything, parentheses included.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

const recordFile = (id: string): string => path.join(recordsDir, `${id}.json`);

/** Says that this process owns lab `id`. Call it before the lab's namespaces exist. */
export async function claimLab(id: string, dir: string): Promise<void> {
  const startTicks = (await startTicksOf(process.pid)) ?? '';
  const record: LabRecord = { pid: process.pid, startTicks, dir };
  await mkdir(recordsDir, { recursive: true });
  // Whole or not at all: a sweep by somebody else may read it at any moment.
  await writeFile(`${recordFile(id)}.new`, JSON.stringify(record));
  await rename(`${recordFile(id)}.new`, recordFile(id));
}

/** Names of all namespaces of labs, here and left over. */
export async function labNamespaces(): Promise<string[]> {
  const { stdout } = await run(['ip', 'netns', 'list']);
  return stdout
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(namespacePrefix));
}

/** Pids in a namespace; none when it is gone. */
export async function pidsIn(netns: string): Promise<number[]> {
  const { stdout } = await run(['ip', 'netns', 'pids', netns], { okCodes: [0, 1, 255] });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** Ends everything in lab `id`'s namespaces and removes them, its folder and its record. Fine with a half-made lab. */
export async function removeLab(id: string, dir: string | undefined): Promise<void> {
  const mine = (await labNamespaces()).filter((name) => name.startsWith(`${namespacePrefix}${id}-`));
  for (const netns of mine) {
    for (const pid of await pidsIn(netns)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
  for (const netns of mine) await run(['ip', 'netns', 'delete', netns]);
  if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  await rm(recordFile(id), { force: true });
}

/**
 * Removes what killed runs left: labs whose owner is gone, and namespaces nobody recorded. Labs of living processes stay.
 * Returns the ids of the labs it removed.
 */
export async function sweepLabs(): Promise<string[]> {
  const files = (await readdir(recordsDir).catch(() => [])).filter((name) => name.endsWith('.json'));
  const living = new Set<string>();
  const dead = new Map<string, string | undefined>();
  for (const file of files) {
    const id = file.replace(/\.json$/, '');
    const record = JSON.parse(
      await readFile(path.join(recordsDir, file), 'utf8').catch(() => '{}'),
    ) as Partial<LabRecord>;
    const alive = record.pid !== undefined && (await startTicksOf(record.pid)) === record.startTicks;
    if (alive) living.add(id);
    else dead.set(id, record.dir);
  }
  for (const netns of await labNamespaces()) {
    const id = netns.slice(namespacePrefix.length).split('-')[0] ?? '';
    if (!living.has(id) && !dead.has(id)) dead.set(id, undefined);
  }
  for (const [id, dir] of dead) await removeLab(id, dir);
  return [...dead.keys()];
}
