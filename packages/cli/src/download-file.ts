import { createHash } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import type { DownloadOptions } from '@drover/sdk';
import { UsageError, type Cli } from './command.js';
import { createProgressBar } from './terminal/progress.js';

export const refuseExisting = async (path: string): Promise<void> => {
  if ((await stat(path).catch(() => undefined)) !== undefined)
    throw new UsageError(`There is a file ${path} already`, 'Name another one with --output, or move it away.');
};

/**
 * Downloads into a file that has its name only once all its bytes are there and are the right ones. `sha256`: of the bytes, where it is known before they come.
 * Resolves with how many they are.
 */
export async function downloadFile(
  cli: Cli,
  download: (options: DownloadOptions) => AsyncIterable<Uint8Array>,
  { path, sha256 }: { readonly path: string; readonly sha256?: string | null },
): Promise<number> {
  const part = `${path}.part`;
  const bar = createProgressBar(cli.io);
  const hash = createHash('sha256');
  const file = await open(part, 'w', 0o600);
  let size = 0;
  try {
    const onProgress = (done: number, total: number): void =>
      bar.update({ label: 'downloading', done, total, unit: 'bytes' });
    for await (const chunk of download({ signal: cli.signal, onProgress })) {
      hash.update(chunk);
      size += chunk.length;
      await file.writeFile(chunk);
    }
    const found = hash.digest('hex');
    if (sha256 !== undefined && found !== sha256)
      throw new Error(`The bytes have sha256 ${found}, not ${sha256 ?? 'any'}. Fetch it again.`);
    await file.sync();
    await rename(part, path);
    return size;
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await file.close();
    bar.end();
  }
}
