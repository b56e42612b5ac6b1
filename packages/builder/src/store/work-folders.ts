import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** When a process started, in ticks since the machine did: with its number it is never the same twice (proc(5), stat, field 22). */
const startOf = async (pid: number | 'self'): Promise<string | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name of the program may hold spaces and parentheses.
  return stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
};

/** A folder for what is only needed while a build runs, by the process it belongs to. */
export async function makeWorkFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, `${process.pid}-${(await startOf('self')) ?? '0'}-`));
}

/** Whether the process that made a folder is at work. What was moved here to be deleted belongs to none. */
const isInUse = async (name: string): Promise<boolean> => {
  const [pid = '', start] = name.split('-');
  return /^\d+$/.test(pid) && (await startOf(Number(pid))) === start;
};

async function workFolders(parent: string): Promise<{ path: string; inUse: boolean }[]> {
  const names = await readdir(parent).catch((): string[] => []);
  return Promise.all(names.map(async (name) => ({ path: join(parent, name), inUse: await isInUse(name) })));
}

/** Folders of builds whose process is no more. */
export const leftWorkFolders = async (parent: string): Promise<string[]> =>
  (await workFolders(parent)).filter(({ inUse }) => !inUse).map(({ path }) => path);

/** Whether any build is at work. */
export const hasBuilds = async (parent: string): Promise<boolean> =>
  (await workFolders(parent)).some(({ inUse }) => inUse);
