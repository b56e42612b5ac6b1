import { mkdir, open, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { refusal, RefusedError, type CloneMethod } from '@drover/contract';
import type { Tools } from '@drover/tools';
import type { DirectoryFacts, DirectoryOrigin, DirectoryPlan, DirectoryPool } from '../../app/nfs/ports.js';
import type { Log } from '../../app/ports.js';
import { createBases, type Bases, type UnpackTree } from './bases.js';
import { chooseMethod, clone, deleteTree, mountClone, prepareMount, type ClonePlaces } from './clone.js';
import { mountPoints, unmount } from './mounts.js';

export interface DirectoriesDeps {
  readonly folder: string;
  readonly method: CloneMethod | 'auto';
  /** Path of an image's blob. */
  readonly blobPath: (digest: string) => Promise<string>;
  readonly unpack: UnpackTree;
  readonly tools: Tools;
  readonly log: Log;
}

/** What is written beside a directory that is whole. */
interface About {
  readonly number: number;
  readonly clone: CloneMethod | null;
  readonly origin: DirectoryOrigin;
}

const never = new AbortController().signal;
const aboutFile = 'about.json';
/** Numbers of exports are 16 bits wide in nfs-ganesha; 0 is its own. */
const most = 65_535;

/**
 * Directories below one folder: `images` holds the files of images, unpacked once each; `disks` one folder for each directory, whole when `about.json` is in it. Nobody but
 * root may look into any of it, as there are programs with set-user-ID bits and device nodes of strangers' images.
 */
export async function openDirectories(deps: DirectoriesDeps): Promise<DirectoryPool & { sweep(): Promise<void> }> {
  const folder = resolve(deps.folder);
  // Characters that part the options of an overlay.
  if (/[,:\\\s]/.test(folder))
    throw new RefusedError(
      refusal('disk.invalid', `${folder} has a comma, a colon, a blank or a backslash in its name.`, {
        remedy: 'Set nfs.folder to a folder without.',
      }),
    );
  for (const each of [folder, join(folder, 'images'), join(folder, 'disks'), join(folder, 'trash')])
    await mkdir(each, { recursive: true, mode: 0o700 });
  const pool = new Directories({ ...deps, folder });
  await pool.restore();
  return pool;
}

class Directories implements DirectoryPool {
  private readonly known = new Map<string, About>();
  /** Taken by directories that are being made. */
  private readonly taken = new Set<number>();
  private readonly bases: Bases;
  private readonly deps: DirectoriesDeps;
  private method: Promise<CloneMethod> | undefined;

  constructor(deps: DirectoriesDeps) {
    this.deps = deps;
    this.bases = createBases({ ...deps, folder: join(deps.folder, 'images') });
  }

  /** As a crash or a restart of the machine left it: what is half made goes, what is exported is mounted again. */
  async restore(): Promise<void> {
    const options = { tools: this.deps.tools, signal: never };
    for (const left of await readdir(join(this.deps.folder, 'trash')))
      await deleteTree(join(this.deps.folder, 'trash', left), options);
    for (const disk of await readdir(join(this.deps.folder, 'disks'))) {
      const about = await this.read(disk);
      if (about === undefined) {
        await this.remove(disk);
        continue;
      }
      this.known.set(disk, about);
      await this.mount(disk, about);
    }
    await this.sweep();
  }

  async create({ disk, origin }: DirectoryPlan, { signal, progress }: Parameters<DirectoryPool['create']>[1]) {
    if (this.known.has(disk)) return;
    await this.remove(disk);
    const number = this.nextNumber();
    this.taken.add(number);
    try {
      const clone = await this.make(disk, origin, { signal, progress });
      const about: About = { number, clone, origin };
      await mountClone(clone, this.places(disk, origin), this.deps.tools);
      await this.keep(disk, about);
      this.known.set(disk, about);
    } catch (error) {
      await this.remove(disk);
      throw error;
    } finally {
      this.taken.delete(number);
    }
  }

  async facts(disk: string): Promise<DirectoryFacts | undefined> {
    const about = this.known.get(disk);
    if (about === undefined) return undefined;
    const { layer, root } = this.places(disk, about.origin);
    const shares = about.clone === 'snapshot' || about.clone === 'reflink';
    const ownBytes = shares ? null : await this.sizeOf(layer);
    return { clone: about.clone, ownBytes, folder: root, number: about.number };
  }

  place(disk: string): Pick<DirectoryFacts, 'folder' | 'number'> | undefined {
    const about = this.known.get(disk);
    return about && { folder: this.places(disk, about.origin).root, number: about.number };
  }

  async remove(disk: string): Promise<void> {
    this.known.delete(disk);
    const folder = join(this.deps.folder, 'disks', disk);
    const trash = join(this.deps.folder, 'trash', disk);
    await unmount(this.deps.tools, join(folder, 'root'));
    // At once nobody's any more; deleting a tree takes a while, and may be gone on with after a restart.
    await rename(folder, trash).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await deleteTree(trash, { tools: this.deps.tools, signal: never });
  }

  /** Files of images that no directory needs, and that none needed for a day. */
  async sweep(): Promise<void> {
    const used = [...this.known.values()].flatMap(({ origin }) => (origin.kind === 'image' ? [origin] : []));
    await this.bases.sweep(used).catch((error: unknown) => {
      this.deps.log.warn({ err: error }, 'files of images that nobody needs any more could not be deleted');
    });
  }

  private places(disk: string, origin: DirectoryOrigin): ClonePlaces {
    const folder = join(this.deps.folder, 'disks', disk);
    const empty = join(folder, 'empty');
    const base = origin.kind === 'image' ? this.bases.path(origin) : empty;
    return { base, empty, root: join(folder, 'root'), layer: join(folder, 'layer') };
  }

  private async make(
    disk: string,
    origin: DirectoryOrigin,
    { signal, progress }: Parameters<DirectoryPool['create']>[1],
  ): Promise<CloneMethod | null> {
    const options = { tools: this.deps.tools, signal };
    const places = this.places(disk, origin);
    const method = await this.chosen();
    if (origin.kind === 'image') {
      await this.bases.use(origin, method, { signal, progress });
      await mkdir(join(this.deps.folder, 'disks', disk), { mode: 0o700 });
      await clone(method, places, options);
      return method;
    }
    await mkdir(join(places.layer, 'tree'), { recursive: true, mode: 0o700 });
    await makeSparse(join(places.layer, 'tree', 'disk.img'), origin.size);
    await prepareMount(places);
    return null;
  }

  /** Found once: it does not change while the folder stays where it is. */
  private async chosen(): Promise<CloneMethod> {
    this.method ??= chooseMethod(this.deps.method, this.deps.folder, { tools: this.deps.tools, signal: never });
    try {
      return await this.method;
    } catch (error) {
      this.method = undefined;
      throw error;
    }
  }

  private async mount(disk: string, { origin, clone }: About): Promise<void> {
    const places = this.places(disk, origin);
    if ((await mountPoints()).has(places.root)) return;
    await mountClone(clone, places, this.deps.tools).catch((error: unknown) => {
      this.deps.log.error({ err: error, disk }, 'the directory of a board could not be mounted again');
    });
  }

  private nextNumber(): number {
    const used = new Set([...this.taken, ...[...this.known.values()].map(({ number }) => number)]);
    for (let number = 1; number <= most; number++) if (!used.has(number)) return number;
    throw new RefusedError(
      refusal('quota.exceeded', `This server has ${most} directories, the most that can be exported.`, {
        remedy: 'Release boards, or use root mode nbd, which knows no such bound.',
      }),
    );
  }

  private async read(disk: string): Promise<About | undefined> {
    const text = await readFile(join(this.deps.folder, 'disks', disk, aboutFile), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as About);
  }

  /** The tree is on stable storage before it counts as whole. */
  private async keep(disk: string, about: About): Promise<void> {
    const folder = join(this.deps.folder, 'disks', disk);
    await this.deps.tools.run('sync', ['--file-system', folder]);
    const file = join(folder, aboutFile);
    await writeFile(`${file}.new`, JSON.stringify(about), { mode: 0o600, flush: true });
    await rename(`${file}.new`, file);
    await syncFolder(folder);
  }

  private async sizeOf(folder: string): Promise<number> {
    const { stdout } = await this.deps.tools.run('du', ['-s', '-x', '--block-size=1', '--', folder]);
    return Number.parseInt(stdout, 10);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeSparse(path: string, size: number): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}
