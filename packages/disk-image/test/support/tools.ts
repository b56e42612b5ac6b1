import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { RandomAccess } from '../../src/index.js';

export interface RunOptions {
  input?: Uint8Array | string;
  cwd?: string;
  /** Exit codes besides 0 that are fine. */
  alsoFine?: number[];
}

const environment = {
  ...process.env,
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  MTOOLS_SKIP_CHECK: '1',
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
};

/** Runs a system tool and gives its output. Throws with what it said when it fails or is not installed. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Buffer {
  const { input, cwd, alsoFine = [] } = options;
  const result = spawnSync(command, args, { input, cwd, env: environment, maxBuffer: 1024 ** 3 });
  if (result.error !== undefined) {
    throw new Error(`${command} does not run: ${result.error.message}. scripts/install-packages test installs it.`);
  }
  if (result.status === 0 || alsoFine.includes(result.status ?? -1)) return result.stdout;
  throw new Error(`${command} ${args.join(' ')} ended with ${result.status}: ${result.stderr.toString()}`);
}

/** A folder for the tests of one file, removed when they are done. */
export function useWorkFolder(): (name: string) => string {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drover-disk-image-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}

/** Opens a file as a source for as long as `use` takes. */
export async function withFile<T>(path: string, use: (source: RandomAccess) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = Buffer.alloc(length);
      const { bytesRead } = await handle.read(bytes, 0, length, offset);
      if (bytesRead !== length) throw new Error(`read ${bytesRead} of ${length} bytes at ${offset}`);
      return bytes;
    };
    return await use({ size, read });
  } finally {
    await handle.close();
  }
}
