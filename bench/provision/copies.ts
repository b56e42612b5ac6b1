import { execFile } from 'node:child_process';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from '../../e2e/inputs/cache.js';
import { run } from '../../e2e/inputs/run.js';

const runFile = promisify(execFile);

export interface Measured {
  readonly seconds: number;
  /** Bytes of storage taken. */
  readonly bytes: number;
}

/** A way to give one more device a root of its own, as a copy of a tree. */
export interface Copier {
  readonly name: string;
  /** Copies once, durably, and removes the copy. Rejects when it is not the same tree. */
  copy(): Promise<Measured>;
  dispose(): Promise<void>;
}

interface Tools {
  readonly rsync: string;
  readonly mkfsBtrfs: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Programs from their Debian packages, unpacked and not installed. */
async function unpackTools(): Promise<Tools> {
  const folder = await cached({
    name: 'provision-peers',
    code: [],
    needs: [process.arch],
    build: async (dir) => {
      await run(['apt-get', 'download', 'rsync', 'libpopt0', 'btrfs-progs'], { cwd: dir });
      await run(['sh', '-ec', 'for package in *.deb; do dpkg -x "$package" .; rm "$package"; done'], { cwd: dir });
      await run(['sh', '-ec', 'mkdir lib-here; find . -name "libpopt.so*" -exec cp -d {} lib-here ";"'], { cwd: dir });
    },
  });
  const env = { ...process.env, LD_LIBRARY_PATH: join(folder, 'lib-here') };
  return { rsync: join(folder, 'usr/bin/rsync'), mkfsBtrfs: join(folder, 'sbin/mkfs.btrfs'), env };
}

/** Bytes in use on the file system of a path. */
async function usedOn(path: string): Promise<number> {
  await runFile('sync', ['-f', path]);
  const { stdout } = await runFile('df', ['--output=used', '-B1', path]);
  return Number(stdout.trim().split('\n')[1]);
}

const bytesBelow = async (path: string): Promise<number> =>
  Number((await runFile('du', ['-s', '-B1', path])).stdout.split('\t')[0]);

/** Names, kinds, sizes, modes and owners of everything in a tree. */
const listing = async (tree: string): Promise<string> => {
  const format = '%P %y %m %U %G %l %T@\\n';
  const files = 'cd "$1" && find . -xdev -type f -printf "%P %s\\n" | sort && find . -xdev -printf "$2" | sort';
  const { stdout } = await runFile('sh', ['-c', `(${files}) | sha256sum`, 'sh', tree, format]);
  return stdout;
};

async function timed(
  tree: string,
  target: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  space: () => Promise<number>,
): Promise<Measured> {
  await mkdir(target);
  const before = await space();
  const started = process.hrtime.bigint();
  const [program = '', ...args] = command;
  await runFile(program, args, { env });
  // A device that exists must exist after a power cut, too.
  await runFile('sync', ['-f', target]);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const bytes = (await space()) - before;
  if ((await listing(tree)) !== (await listing(target))) throw new Error(`${program} did not copy the tree`);
  await rm(target, { recursive: true });
  return { seconds, bytes };
}

/** `rsync -xa`, `cp -a`, and a reflink copy on btrfs, where the kernel has it. `tree` is mounted, `folder` is empty. */
export async function openCopiers(tree: string, folder: string): Promise<Copier[]> {
  const { rsync, mkfsBtrfs, env } = await unpackTools();
  const plain = (name: string, command: (target: string) => readonly string[]): Copier => {
    const target = join(folder, 'copy');
    const space = (): Promise<number> => bytesBelow(target);
    return {
      name,
      copy: () => timed(tree, target, command(target), env, space),
      dispose: async () => undefined,
    };
  };
  return [
    plain('rsync -xa', (target) => [rsync, '-xa', `${tree}/`, `${target}/`]),
    plain('cp -a', (target) => ['cp', '-a', `${tree}/.`, target]),
    await reflink(tree, folder, mkfsBtrfs),
  ];
}

async function reflink(tree: string, folder: string, mkfsBtrfs: string): Promise<Copier> {
  const [image, mounted] = [join(folder, 'btrfs.img'), join(folder, 'btrfs')];
  await writeFile(image, '');
  await truncate(image, 4 * 2 ** 30);
  await runFile(mkfsBtrfs, ['-q', image]);
  await mkdir(mounted);
  await runFile('mount', ['-o', 'loop', image, mounted]);
  const [source, target] = [join(mounted, 'tree'), join(mounted, 'copy')];
  await runFile('cp', ['-a', `${tree}/.`, source]);
  return {
    name: 'cp -a --reflink (btrfs)',
    copy: () => {
      const command = ['cp', '-a', '--reflink=always', `${source}/.`, target];
      return timed(source, target, command, process.env, () => usedOn(mounted));
    },
    dispose: async () => {
      await runFile('umount', [mounted]);
    },
  };
}
