import { copyFile, chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ToolRunner } from '@drover/tools';
import type { Content } from '../plan/content.js';
import type { PlacedFile } from '../plan/layers.js';
import type { StepContext } from './context.js';

async function stage(place: PlacedFile, folder: string, content: Content): Promise<void> {
  const path = join(folder, place.path);
  await mkdir(dirname(path), { recursive: true });
  if (place.kind === 'link') return symlink(place.target, path);
  if (place.kind === 'folder') {
    await mkdir(path, { recursive: true });
    return chmod(path, parseInt(place.mode, 8));
  }
  const bytes = content.bytesOf(place.sha256);
  await ('text' in bytes ? writeFile(path, bytes.text) : copyFile(bytes.path, path));
  await chmod(path, parseInt(place.mode, 8));
}

/** A folder that is a link in the image stays one; busybox leaves it anyway and knows no option for it. */
const extract = `
if tar --version 2>/dev/null | grep -q GNU; then set -- --keep-directory-symlink; else set --; fi
exec tar -x -p -f /mnt/files.tar -C / "$@"`;

/** Pairs of owner and path; a name the image does not know ends it with chown's own words. */
const give = 'while [ $# -gt 0 ]; do chown -h -- "$1" "$2"; shift 2; done';

/** Puts files into the root. Folders above them that are there already stay as they are. */
export async function placeFiles(
  files: readonly PlacedFile[],
  { tools, content, epoch }: { tools: ToolRunner; content: Content; epoch: number },
  { root, folder, env, onOutput }: StepContext,
): Promise<void> {
  const staged = join(folder, 'files');
  await mkdir(staged);
  for (const file of files) await stage(file, staged, content);
  const tar = join(folder, 'files.tar');
  const list = join(folder, 'files.list');
  await writeFile(list, files.map(({ path }) => `.${path}\0`).join(''));
  const form = ['--format=posix', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${epoch}`];
  await tools.run('tar', ['-c', '-f', tar, '-C', staged, ...form, '--no-recursion', '--null', '-T', list]);
  const shown = { '/mnt/files.tar': tar };
  await root.run('sh', ['-euc', extract], { env, onOutput, shown });
  const owned = files.filter(({ owner, group }) => owner !== 'root' || group !== 'root');
  if (owned.length === 0) return;
  const words = owned.flatMap(({ owner, group, path }) => [`${owner}:${group}`, path]);
  await root.run('sh', ['-euc', give, 'sh', ...words], { env, onOutput });
}
