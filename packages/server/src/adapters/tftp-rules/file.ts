import { constants } from 'node:fs';
import { open, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import type { Collected } from '../../app/boot/plane/ports.js';
import type { RuleWork } from '../../domain/tftp-rules.js';
import { readExactly } from './read.js';
import { tooLarge } from './spool.js';

type FileWork = Extract<RuleWork, { kind: 'file' }>;

/** A file of this machine. It is read where it lies: its size is that of this moment, and what it becomes afterwards is sent as far as it has that size. */
export async function openFile(work: FileWork, maxSize: number): Promise<Collected> {
  try {
    return await openChecked(work, maxSize);
  } catch (error) {
    return refusalOf((error as NodeJS.ErrnoException).code, error);
  }
}

async function openChecked({ path, root }: FileWork, maxSize: number): Promise<Collected> {
  const real = await realpath(path);
  if (root !== null && !isBelow(await realpath(root), real)) return leadsOut;
  // Looked at before it is opened: opening a device may do something, and a pipe would wait for somebody to write.
  if (!(await stat(real)).isFile()) return { kind: 'absent', reason: 'it is no regular file' };
  const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const answer = await judge(handle, root, maxSize).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  if (answer.kind !== 'file') await handle.close();
  return answer;
}

/** Of what is open, which nobody can put something else in the place of any more. */
async function judge(handle: FileHandle, root: string | null, maxSize: number): Promise<Collected> {
  if (root !== null) {
    const opened = await readlink(`/proc/self/fd/${handle.fd}`);
    if (!isBelow(await realpath(root), opened)) return leadsOut;
  }
  const found = await handle.stat();
  if (!found.isFile()) return { kind: 'absent', reason: 'it is no regular file' };
  const { size } = found;
  if (size > maxSize) return tooLarge(maxSize);
  return {
    kind: 'file',
    file: {
      size,
      read: (offset, length) => readExactly(handle, offset, length),
      close: () => handle.close(),
    },
  };
}

const isBelow = (root: string, path: string): boolean => path.startsWith(root === '/' ? '/' : `${root}/`);

const leadsOut: Collected = { kind: 'failed', reason: 'a link leads out of the folder of the rule' };

function refusalOf(code: string | undefined, error: unknown): Collected {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ENAMETOOLONG':
      return { kind: 'absent', reason: 'it is not there' };
    case 'EACCES':
    case 'EPERM':
      return { kind: 'failed', reason: 'the user of the server may not read it' };
    case 'ELOOP':
      return { kind: 'failed', reason: 'its links lead in a circle' };
    default:
      throw error;
  }
}
