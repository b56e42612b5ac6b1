import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from './command.js';

/** A tar of a folder in a temporary place. */
export interface PackedFolder {
  readonly path: string;
  dispose(): Promise<void>;
}

/** Runs tar; resolves with what it complained of, or undefined when all went well. */
const tar = (args: readonly string[], signal: AbortSignal): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const child = spawn('tar', args, { signal, stdio: ['ignore', 'ignore', 'pipe'] });
    let message = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      message = (message + text).slice(-2000);
    });
    child.once('error', reject);
    child.once('close', (code) =>
      resolve(code === 0 ? undefined : message.trim() || `it ended with ${code ?? 'a signal'}`),
    );
  });

/** Packs the files of a folder, those behind links included: a boot partition is FAT and holds no links. */
export const packFolder = async (folder: string, signal: AbortSignal): Promise<PackedFolder> => {
  const place = await mkdtemp(join(tmpdir(), 'drover-boot-'));
  const path = join(place, 'boot.tar');
  const dispose = (): Promise<void> => rm(place, { recursive: true, force: true });
  try {
    const failed = await tar(['-C', folder, '-chf', path, '.'], signal);
    if (failed !== undefined) throw new UsageError(`${folder} cannot be packed: ${failed}`);
    return { path, dispose };
  } catch (error) {
    await dispose();
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new UsageError(
      'The program tar is not installed',
      `Pack ${folder} elsewhere and give the tar: --boot boot.tar`,
    );
  }
};
