import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inputs } from '../inputs/index.js';
import { run } from '../inputs/run.js';

const sector = 512;

/** Where the partitions of an image begin, in bytes. */
async function startsOf(image: string): Promise<number[]> {
  const { stdout } = await run(['sfdisk', '--json', image]);
  const { partitiontable } = JSON.parse(stdout) as { partitiontable: { partitions: { start: number }[] } };
  return partitiontable.partitions.map(({ start }) => start * sector);
}

export interface Changes {
  /** Files of the root, by path, with their text. */
  readonly root?: Readonly<Record<string, string>>;
  /** Appended to config.txt: the set of boot files is another one then. */
  readonly config?: string;
}

/** The fast image with other files in it, as a person would make the next version of one. */
export async function changedImage(dir: string, { root = {}, config }: Changes): Promise<string> {
  const own = await mkdtemp(path.join(dir, 'image-'));
  const image = path.join(own, 'changed.img');
  await cp((await inputs.fast()).path, image);
  const [boot = 0, rootStart = 0] = await startsOf(image);
  if (config !== undefined) {
    const file = path.join(own, 'config.txt');
    await run(['mcopy', '-n', '-i', `${image}@@${boot}`, '::config.txt', file]);
    await writeFile(file, `${await readFile(file, 'utf8')}${config}`);
    await run(['mcopy', '-o', '-i', `${image}@@${boot}`, file, '::config.txt']);
  }
  for (const [name, text] of Object.entries(root)) {
    const file = path.join(own, 'file');
    await writeFile(file, text, { mode: 0o755 });
    const folders = path.dirname(name).split('/').slice(1);
    const made = folders.map((_, index) => `mkdir /${folders.slice(0, index + 1).join('/')}\n`).join('');
    const commands = `${made}rm ${name}\nwrite ${file} ${name}\nset_inode_field ${name} mode 0100755\n`;
    await writeFile(path.join(own, 'commands'), commands);
    await run(['debugfs', '-w', '-f', path.join(own, 'commands'), `${image}?offset=${rootStart}`]);
  }
  return image;
}
