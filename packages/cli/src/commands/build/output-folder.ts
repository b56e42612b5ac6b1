import { mkdir, mkdtemp, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from '../../command.js';

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;

const unusable = (folder: string, why: string): UsageError =>
  new UsageError(`--output: ${folder} ${why}`, 'Name a folder that can be written.');

/** Makes a folder and those it is in, one by one: Node's own recursive mkdir never ends where the file system holds no new folders and says ENOENT (/proc). */
export const makeFolder = async (folder: string): Promise<void> => {
  if (await isFolder(folder)) return;
  const parent = dirname(folder);
  if (parent !== folder) await makeFolder(parent);
  await mkdir(folder).catch(async (error: Error) => {
    // Another build may have been faster.
    if (!(await isFolder(folder))) throw unusable(folder, `cannot be made: ${error.message}`);
  });
};

/** What is there of a path. */
const nearest = async (path: string): Promise<string> => {
  const isThere = (await stat(path).catch(() => undefined)) !== undefined;
  return isThere || dirname(path) === path ? path : nearest(dirname(path));
};

/** What cannot be written is said before an hour of work. The folder itself is there once there is something to put in it. */
export const tryFolder = async (folder: string): Promise<void> => {
  const there = await nearest(folder);
  try {
    await rmdir(await mkdtemp(join(there, '.drover-')));
  } catch (error) {
    throw unusable(there, `cannot be written: ${(error as Error).message}`);
  }
};
