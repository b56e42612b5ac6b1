import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ToolRunner } from '@drover/tools';

/** The building half of this installation, to be unpacked on a host that has nothing of Drover. */
export interface Program {
  /** Of all that is in it. */
  readonly digest: string;
  readonly tgz: Uint8Array;
  /** Of what is to be run, in it. */
  readonly main: string;
}

const main = 'packages/builder/dist/process/main.js';

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Where Node finds a package that another one imports (nodejs.org/api/modules.html, loading from node_modules folders). */
async function findPackage(name: string, from: string): Promise<string> {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (await isThere(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) throw new Error(`the package ${name} of this installation is not there`);
  }
}

/** Folders of a package and of all it depends on, by name. */
async function closure(installation: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const add = async (name: string, folder: string): Promise<void> => {
    if (found.has(name)) return;
    found.set(name, folder);
    const description = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    for (const needed of Object.keys(description.dependencies ?? {}).sort())
      await add(needed, await findPackage(needed, folder));
  };
  await add('@drover/builder', join(installation, 'packages/builder'));
  return found;
}

/** Lays the packages out as they lie in an installation: ours in packages, linked to from node_modules. */
async function layOut(packages: ReadonlyMap<string, string>, installation: string, into: string): Promise<void> {
  await mkdir(join(into, 'node_modules/@drover'), { recursive: true });
  for (const [name, folder] of packages) {
    const own = /^@drover\/(.+)$/.exec(name)?.[1];
    if (own === undefined) {
      await cp(folder, join(into, 'node_modules', name), { recursive: true });
      continue;
    }
    const place = join(into, 'packages', own);
    for (const part of ['package.json', 'dist']) await cp(join(folder, part), join(place, part), { recursive: true });
    await symlink(`../../packages/${own}`, join(into, 'node_modules/@drover', own));
  }
  await cp(join(installation, 'device'), join(into, 'device'), { recursive: true });
}

/** Packs it; the same installation gives the same bytes. */
export async function packProgram(installation: string, tools: ToolRunner, signal: AbortSignal): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-program-'));
  try {
    await layOut(await closure(installation), installation, join(folder, 'program'));
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u+rwX,go+rX-w'];
    const tgz = join(folder, 'program.tgz');
    const args = [...same, '--use-compress-program', 'gzip -n', '-cf', tgz, '-C', join(folder, 'program'), '.'];
    await tools.run('tar', args, { signal });
    const bytes = await readFile(tgz);
    return { digest: createHash('sha256').update(bytes).digest('hex'), tgz: bytes, main };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
