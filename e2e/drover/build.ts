import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageManifest } from '@drover/builder';
import { cacheDir } from '../inputs/cache.js';
import { run } from '../inputs/run.js';

export const cli = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));
/** Packages and layers outlive a run, as other slow inputs do. */
export const buildCache = path.join(cacheDir, 'builds');

/** Builds as a user does, and returns what the build says of itself. */
export async function buildRecipe(recipe: string, into: string, more: readonly string[] = []): Promise<ImageManifest> {
  await run(['node', cli, 'build', recipe, '--output', into, '--card', '--cache-dir', buildCache, ...more]);
  return JSON.parse(await readFile(path.join(into, 'image.json'), 'utf8')) as ImageManifest;
}
