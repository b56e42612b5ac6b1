import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the load client counted; see load.c. */
export interface LoadResult {
  readonly ok: number;
  readonly failed: number;
  readonly corrupt: number;
  readonly bytes: number;
  readonly blocks: number;
  readonly duplicates: number;
  readonly gaps: number;
  readonly timeouts: number;
  readonly blksize: number;
  readonly windowsize: number;
  readonly seconds: number;
}

export interface Load {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** The file every download must equal. */
  readonly file: string;
  readonly downloads: number;
  readonly atOnce: number;
  readonly blksize: number;
  readonly windowsize: number;
}

/** Compiles the load client into a folder and says where it is. */
export async function buildLoadClient(folder: string): Promise<string> {
  const program = join(folder, 'load');
  const source = fileURLToPath(new URL('./load.c', import.meta.url));
  await run('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  return program;
}

/** Runs it on a core. */
export async function runLoad(program: string, core: number, load: Load): Promise<LoadResult> {
  const { host, port, name, file, downloads, atOnce, blksize, windowsize } = load;
  const args = [host, port, name, file, downloads, atOnce, blksize, windowsize].map(String);
  const { stdout } = await run('taskset', ['-c', String(core), program, ...args], { timeout: 300_000 });
  return JSON.parse(stdout) as LoadResult;
}

/** Why a run proves nothing, or undefined when every download was right and was what was asked for. */
export function invalid(load: Load, result: LoadResult): string | undefined {
  if (result.ok !== load.downloads) {
    return `${result.ok} of ${load.downloads} downloads, ${result.failed} failed, ${result.corrupt} corrupt`;
  }
  if (result.blksize !== load.blksize) return `blocks of ${result.blksize} bytes, not ${load.blksize}`;
  if (result.windowsize !== load.windowsize) return `windows of ${result.windowsize}, not ${load.windowsize}`;
  if (result.duplicates > result.blocks / 100) return `${result.duplicates} of ${result.blocks} blocks came twice`;
  return undefined;
}
