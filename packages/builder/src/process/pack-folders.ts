import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { refusal, RefusedError } from '@drover/contract';
import type { Recipe } from '../recipe/recipe.js';

/** Of all that lies beside the recipes of a chain, in bytes. */
const limit = 256 * 1024 * 1024;

const tooLarge = (name: string): RefusedError =>
  new RefusedError(
    refusal(
      'request.invalid',
      `What lies beside the recipe ${name} is larger than 256 MiB, more than is sent to another host.`,
      {
        remedy:
          'Leave in its folder only what the recipe needs; put large files into a Debian package, or let a script fetch them.',
      },
    ),
  );

/** The folder of each step as a tar in base64. Links stay links. */
export async function packFolders(recipe: Recipe, signal: AbortSignal): Promise<string[]> {
  const packed: string[] = [];
  let total = 0;
  for (const { folder, name } of recipe.steps) {
    const child = spawn('tar', ['-c', '-f', '-', '-C', folder, '.'], { signal, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close') as Promise<[number | null]>;
    const parts: Buffer[] = [];
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      total += chunk.length;
      if (total > limit) {
        child.kill();
        throw tooLarge(name);
      }
      parts.push(chunk);
    }
    const [code] = await ended;
    if (code !== 0)
      throw new RefusedError(refusal('tool.failed', `tar could not read ${folder} (${code ?? 'killed'}).`));
    packed.push(Buffer.concat(parts).toString('base64'));
  }
  return packed;
}
