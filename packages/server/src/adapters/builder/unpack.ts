import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { ToolRunner } from '@drover/tools';

export interface UnpackOptions {
  /** Bytes the tar may have, and all its files together. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

const invalid = (detail: string, remedy: string): RefusedError =>
  new RefusedError(refusal('recipe.invalid', detail, { remedy }));

const tooLarge = (limit: number): RefusedError =>
  invalid(
    `The tar of the recipe has more than ${limit} bytes.`,
    'Leave out what the recipe does not need, or raise builds.maxRecipeSize in the settings.',
  );

/** Adds up the files below a folder, and refuses what would lead out of it. */
async function sizeOf(folder: string, top: string): Promise<number> {
  let size = 0;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await lstat(path);
    if (found.isDirectory()) size += await sizeOf(path, top);
    else if (found.isFile()) size += found.size;
    else
      throw invalid(
        `The tar of the recipe holds ${relative(top, path)}, which is neither a file nor a folder.`,
        'Pack what links point to (tar --dereference); a link in the image is made by files[].link.',
      );
  }
  return size;
}

/**
 * Unpacks a tar of recipes that came over the wire into a folder that is not there yet. tar itself lets no name lead out of the folder; what a link would lead
 * to is never followed, for a tar with a link is refused before anything is read.
 */
export async function unpackRecipes(
  tools: ToolRunner,
  tar: string,
  folder: string,
  { limit, signal }: UnpackOptions,
): Promise<void> {
  if ((await lstat(tar)).size > limit) throw tooLarge(limit);
  await mkdir(folder, { mode: 0o700 });
  // From a pipe tar takes nothing that is compressed: what a file unpacks to is known by its size.
  const args = ['--no-same-owner', '--no-same-permissions', '-x', '-f', '-', '-C', folder];
  await tools.run('tar', args, { signal, input: createReadStream(tar) }).catch((fault: unknown) => {
    if (!(fault instanceof RefusedError) || fault.refusal.code !== 'tool.failed') throw fault;
    throw invalid(
      `The tar of the recipe cannot be unpacked: ${fault.refusal.detail}`,
      'Upload a plain tar of the folder of the recipe and of those it extends.',
    );
  });
  if ((await sizeOf(folder, folder)) > limit) throw tooLarge(limit);
}
