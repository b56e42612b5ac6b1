import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { aptSourceLine, createPrivateApt, debianSources, type PrivateApt } from '@drover/debian';
import * as z from 'zod';
import type { Architecture, Tools } from '../ports.js';
import { judgeHelper } from './elf.js';
import { cardHelpers, networkHelpers, wifiHelpers, type HelperFile, type HelperSet } from './packages.js';

/** One file for the initramfs. */
export interface Helper {
  readonly name: string;
  /** Where it lies there. */
  readonly path: string;
  /** Debian's version, or `by-hand` for a file somebody put there. */
  readonly version: string;
  readonly licence: string;
  /** Of the file. */
  readonly sha256: string;
  readonly bytes: Buffer;
}

/** What `<architecture>/manifest.json` of the cache says. */
const Manifest = z.object({
  version: z.literal(1),
  architecture: z.string(),
  obtainedAt: z.string(),
  helpers: z.array(
    z.object({
      name: z.string(),
      package: z.string(),
      version: z.string(),
      licence: z.string(),
      /** Copyright file of the package, beside the manifest. */
      copyright: z.string().nullable(),
      packageSha256: z.string(),
      sha256: z.string(),
    }),
  ),
});
type Manifest = z.infer<typeof Manifest>;

export interface HelperStore {
  /** The programs for an architecture: from the cache, or fetched into it now. */
  helpers(architecture: Architecture, signal: AbortSignal): Promise<Helper[]>;
  /** Those that only a self-updating card needs. */
  cardHelpers(architecture: Architecture, signal: AbortSignal): Promise<Helper[]>;
  /** Those for Wi-Fi. */
  wifiHelpers(architecture: Architecture, signal: AbortSignal): Promise<Helper[]>;
  /** What the cache holds now, for a recipe; nothing is fetched. */
  versions(): Promise<string[]>;
  cardVersions(): Promise<string[]>;
}

export interface HelperStoreDeps {
  readonly tools: Tools;
  /** Folder of the cache: `<architecture>/busybox` and others, `<architecture>/manifest.json`, `<architecture>-card` and `-wifi` alike. */
  readonly cacheDir: string;
  /** Milliseconds since the epoch. */
  now(): number;
}

const architectures: readonly Architecture[] = ['arm64', 'armhf', 'armel'];
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function readIfThere(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT' || fault.code === 'ENOTDIR') return undefined;
    throw fault;
  });
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  const text = await readIfThere(join(folder, 'manifest.json'));
  if (text === undefined) return undefined;
  const parsed = Manifest.safeParse(JSON.parse(text.toString('utf8')));
  return parsed.success ? parsed.data : undefined;
}

const unusable = (path: string, why: string) =>
  new RefusedError(
    refusal('tool.failed', `${path} ${why}.`, {
      remedy: 'Remove the folder it is in and let Drover fetch it, or put the right program there.',
    }),
  );

/** The files of a folder of the cache; undefined when one is absent. */
async function readCached(folder: string, set: HelperSet, architecture: Architecture): Promise<Helper[] | undefined> {
  const manifest = await readManifest(folder);
  const found: Helper[] = [];
  for (const { name, path, kind, licence } of set.files(architecture)) {
    const file = join(folder, name);
    const bytes = await readIfThere(file);
    if (bytes === undefined) return undefined;
    const wrong = judgeHelper(bytes, kind, architecture);
    if (wrong !== undefined) throw unusable(file, wrong);
    const digest = sha256(bytes);
    const known = manifest?.helpers.find((each) => each.name === name);
    if (known !== undefined && known.sha256 !== digest)
      throw unusable(file, 'is not the one its manifest.json describes');
    found.push({ name, path, licence, sha256: digest, version: known?.version ?? 'by-hand', bytes });
  }
  return found;
}

/** A file of an unpacked package. Links are followed, but not out of the package: an absolute one would lead into this machine. */
async function readPackaged(tree: string, source: string): Promise<Buffer | undefined> {
  const root = await realpath(tree);
  const path = await realpath(join(root, source)).catch(() => undefined);
  return path?.startsWith(root + sep) === true ? readIfThere(path) : undefined;
}

async function takeFile(tree: string, helper: HelperFile, into: string): Promise<Buffer> {
  for (const source of helper.sources) {
    const bytes = await readPackaged(tree, source);
    if (bytes === undefined) continue;
    await writeFile(join(into, helper.name), bytes, { mode: helper.kind === 'text' ? 0o644 : 0o755 });
    return bytes;
  }
  throw new RefusedError(refusal('tool.failed', `Debian's ${helper.package} has no ${helper.sources.join(' or ')}.`));
}

/** Takes what we want out of one package. */
async function unpackPackage(
  apt: PrivateApt,
  name: string,
  helpers: readonly HelperFile[],
  into: string,
  signal: AbortSignal,
): Promise<Manifest['helpers']> {
  const wanted = await apt.show(name, signal);
  const tree = join(into, '.unpacked');
  await mkdir(tree, { recursive: true });
  await apt.unpack(wanted, tree, signal);
  const copyright = `${name}.copyright`;
  const hasCopyright = await copyFile(join(tree, 'usr/share/doc', name, 'copyright'), join(into, copyright)).then(
    () => true,
    () => false,
  );
  const taken: Manifest['helpers'] = [];
  for (const helper of helpers) {
    const bytes = await takeFile(tree, helper, into);
    taken.push({
      name: helper.name,
      package: name,
      version: wanted.version,
      licence: helper.licence,
      copyright: hasCopyright ? copyright : null,
      packageSha256: wanted.sha256,
      sha256: sha256(bytes),
    });
  }
  await rm(tree, { recursive: true });
  return taken;
}

/** Fetches into a folder beside the final one and renames it: the cache has all of an architecture or nothing. */
async function fetchHelpers(
  deps: HelperStoreDeps,
  set: HelperSet,
  architecture: Architecture,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(deps.cacheDir, { recursive: true });
  const folder = set.folderOf(architecture);
  const work = await mkdtemp(join(deps.cacheDir, `.fetching-${folder}-`));
  try {
    const sources = async () => (await debianSources()).map((source) => aptSourceLine(source, 'main'));
    const apt = createPrivateApt({ tools: deps.tools, folder: join(work, 'apt'), architecture, sources });
    const arrived = join(work, folder);
    await mkdir(arrived);
    await apt.update(signal);
    const helpers: Manifest['helpers'] = [];
    const files = set.files(architecture);
    for (const name of new Set(files.map((file) => file.package))) {
      const ofPackage = files.filter((file) => file.package === name);
      helpers.push(...(await unpackPackage(apt, name, ofPackage, arrived, signal)));
    }
    const manifest: Manifest = {
      version: 1,
      architecture,
      obtainedAt: new Date(deps.now()).toISOString(),
      helpers,
    };
    await writeFile(join(arrived, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    const final = join(deps.cacheDir, folder);
    await rm(final, { recursive: true, force: true });
    await rename(arrived, final).catch((fault: NodeJS.ErrnoException) => {
      // Another process was faster.
      if (fault.code !== 'ENOTEMPTY' && fault.code !== 'EEXIST') throw fault;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Programs for the boards' initramfs, from Debian's packages for their architecture. Fetched once, through an apt directory of
 * our own, checked against the signed package lists, and kept with versions and licences in a manifest. A folder filled by hand
 * is taken as it is. Throws RefusedError: 'tool.missing' where there is no Debian or no apt, 'tool.failed' otherwise.
 */
export function createHelperStore(deps: HelperStoreDeps): HelperStore {
  const fetching = new Map<string, Promise<void>>();
  const folderOf = (set: HelperSet, architecture: Architecture) => join(deps.cacheDir, set.folderOf(architecture));

  const fetchOnce = (set: HelperSet, architecture: Architecture, signal: AbortSignal): Promise<void> => {
    const folder = folderOf(set, architecture);
    const running = fetching.get(folder);
    if (running !== undefined) return running;
    const started = fetchHelpers(deps, set, architecture, signal).finally(() => fetching.delete(folder));
    fetching.set(folder, started);
    return started;
  };

  const helpersOf =
    (set: HelperSet) =>
    async (architecture: Architecture, signal: AbortSignal): Promise<Helper[]> => {
      const folder = folderOf(set, architecture);
      const cached = await readCached(folder, set, architecture);
      if (cached !== undefined) return cached;
      await fetchOnce(set, architecture, signal);
      const fetched = await readCached(folder, set, architecture);
      if (fetched === undefined) throw unusable(folder, 'is not complete');
      return fetched;
    };

  const versionsOf = (set: HelperSet) => async (): Promise<string[]> => {
    const found: string[] = [];
    for (const architecture of architectures) {
      for (const { name } of set.files(architecture)) {
        const bytes = await readIfThere(join(folderOf(set, architecture), name));
        if (bytes !== undefined) found.push(`${architecture}/${name}=${sha256(bytes)}`);
      }
    }
    return found;
  };

  return {
    helpers: helpersOf(networkHelpers),
    cardHelpers: helpersOf(cardHelpers),
    wifiHelpers: helpersOf(wifiHelpers),
    versions: versionsOf(networkHelpers),
    cardVersions: versionsOf(cardHelpers),
  };
}
