import { join } from 'node:path';
import { chmod, writeFile } from 'node:fs/promises';
import type { StepContext } from './context.js';

/** Where a script finds what lies beside its recipe. */
const recipeInRoot = '/mnt/recipe';
const scriptInRoot = '/mnt/script';

/** Runs a script in the root: with `sh -eu`, or as its first line says. */
export async function runScript(
  text: string,
  recipeFolder: string,
  { root, folder, env, onOutput }: StepContext,
): Promise<void> {
  const path = join(folder, 'script');
  await writeFile(path, text);
  await chmod(path, 0o755);
  const shown = { [scriptInRoot]: path, [recipeInRoot]: recipeFolder };
  const [program, args] = text.startsWith('#!') ? [scriptInRoot, []] : ['sh', ['-eu', scriptInRoot]];
  await root.run(program, args, { env: { ...env, DROVER_RECIPE: recipeInRoot }, onOutput, shown });
}
