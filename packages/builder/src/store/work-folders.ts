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

/** Folders of builds whose process is no more. */
export async function leftWorkFolders(parent: string): Promise<string[]> {
  const left: string[] = [];
  for (const name of await readdir(parent).catch((): string[] => [])) {
    const [pid = '', start] = name.split('-');
    if ((await startOf(Number(pid))) !== start) left.push(join(parent, name));
  }
  return left;
}
