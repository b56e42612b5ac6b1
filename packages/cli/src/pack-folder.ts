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

/** Makes a tar in a place of its own; `what` and `remedy` are for when that fails. */
const pack = async (
  args: readonly string[],
  what: string,
  remedy: string,
  signal: AbortSignal,
): Promise<PackedFolder> => {
  const place = await mkdtemp(join(tmpdir(), 'drover-pack-'));
  const path = join(place, 'packed.tar');
  const dispose = (): Promise<void> => rm(place, { recursive: true, force: true });
  try {
    const failed = await tar(['-chf', path, ...args], signal);
    if (failed !== undefined) throw new UsageError(`${what} cannot be packed: ${failed}`, remedy);
    return { path, dispose };
  } catch (error) {
    await dispose();
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new UsageError('The program tar is not installed', remedy);
  }
};

/** Packs the files of a folder, those behind links included: a boot partition is FAT and holds no links. */
export const packFolder = (folder: string, signal: AbortSignal): Promise<PackedFolder> =>
  pack(['-C', folder, '.'], folder, `Pack ${folder} elsewhere and give the tar: --boot boot.tar`, signal);

/** Packs folders with their places below `top`: a server takes no links, so what they lead to is packed. */
export const packFolders = (top: string, folders: readonly string[], signal: AbortSignal): Promise<PackedFolder> =>
  pack(['-C', top, '--exclude-vcs', '--', ...folders], folders.join(', '), 'Install it: apt install tar', signal);
