import { copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { RecipeStep } from '../recipe/recipe.js';

export interface KeptBoot {
  /** Steps whose recipes bring files, lines and parameters of their own. */
  readonly steps: readonly Pick<RecipeStep, 'boot' | 'folder'>[];
  /** Seconds, for all of them. */
  readonly epoch: number;
}

const textOf = (path: string): Promise<string> =>
  readFile(path, 'latin1').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'ENOENT') throw fault;
    return '';
  });

/** Lines at the end count for all boards, whatever filter stood last (config.txt, conditional filters). */
export const withLines = (config: string, lines: readonly string[]): string =>
  lines.length === 0 ? config : `${config.replace(/\n*$/, '\n')}[all]\n${lines.join('\n')}\n`;

/** One line, as the firmware reads no more. */
export const withParameters = (cmdline: string, parameters: readonly string[]): string =>
  parameters.length === 0 ? cmdline : `${[cmdline.split('\n')[0]?.trim() ?? '', ...parameters].join(' ').trim()}\n`;

async function pathsBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Adds to the boot files of an image what recipes say. Returns the paths of all files in the folder. */
export async function keepBootFolder(folder: string, { steps, epoch }: KeptBoot): Promise<string[]> {
  const lines = steps.flatMap(({ boot }) => boot.config);
  const parameters = steps.map(({ boot }) => boot.parameters).filter((each) => each !== '');
  for (const [name, change] of [
    ['config.txt', (text: string) => withLines(text, lines)],
    ['cmdline.txt', (text: string) => withParameters(text, parameters)],
  ] as const) {
    const path = join(folder, name);
    const before = await textOf(path);
    const after = change(before);
    if (after !== before) await writeFile(path, after, 'latin1');
  }
  for (const step of steps)
    for (const { path, source } of step.boot.files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await copyFile(join(step.folder, source), join(folder, path));
    }
  const paths = await pathsBelow(folder);
  for (const path of paths)
    for (let each = path; each !== '.'; each = dirname(each)) await utimes(join(folder, each), epoch, epoch);
  return paths;
}
