import { mkdir } from 'node:fs/promises';
import { createToolRunner } from '@drover/tools';
import type { Settings } from './config.js';

/** A program kept for the initramfs of boards. */
export interface FetchedHelper {
  readonly architecture: string;
  readonly name: string;
  readonly version: string;
  readonly licence: string;
}

/**
 * Brings the helper programs of every architecture into the cache, so that imports need no network afterwards.
 * Throws RefusedError: tool.missing where there is no Debian or no apt, tool.failed otherwise.
 */
export const fetchHelpers = async (
  settings: Pick<Settings, 'helpers'>,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (architecture: string) => void },
): Promise<FetchedHelper[]> => {
  // The supervisor has no use for it, and begins sooner without.
  const { createHelperStore } = await import('@drover/initramfs');
  const { cacheDir } = settings.helpers;
  await mkdir(cacheDir, { recursive: true });
  const store = createHelperStore({ tools: createToolRunner(), cacheDir, now: Date.now });
  const fetched: FetchedHelper[] = [];
  for (const architecture of ['arm64', 'armhf', 'armel'] as const) {
    onProgress(architecture);
    const found = [
      ...(await store.helpers(architecture, signal)),
      ...(await store.cardHelpers(architecture, signal)),
      ...(await store.wifiHelpers(architecture, signal)),
    ];
    for (const { name, version, licence } of found) fetched.push({ architecture, name, version, licence });
  }
  return fetched;
};
