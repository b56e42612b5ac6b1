import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { aptSourceLine, debianSources } from './aptSources.js';
import { cacheDir } from './cache.js';
import { withLock } from './lock.js';
import { run } from './run.js';

/** Debian's names: arm64 for Pi 3 and later, armhf for Pi 2 and later in 32 bits, armel for the ARMv6 of Pi 1 and Zero. */
export type DebianArch = 'arm64' | 'armhf' | 'armel' | 'amd64';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  /** Names in `Depends`, without versions, alternatives flattened. */
  readonly depends: readonly string[];
}

export interface DebianArm {
  readonly arch: DebianArch;
  /** What the lists offer, in the order asked. No network once the lists are there. Throws naming what does not exist. */
  show(names: readonly string[]): Promise<DebianPackage[]>;
  /**
   * These and whatever they depend on that a system does not have, going by its dpkg status file; no recommended ones.
   */
  withDependencies(names: readonly string[], dpkgStatus: string): Promise<DebianPackage[]>;
  /** Unpacks packages (only these: dependencies are yours to list) into `dir`. Downloads what the cache does not hold. */
  unpack(packages: readonly DebianPackage[], dir: string): Promise<void>;
}

/** The mirror no longer has what our lists name; `refreshPackageLists` and ask again. */
export class StalePackageLists extends Error {
  override readonly name = 'StalePackageLists';
}

const homeOf = (arch: DebianArch): string => path.join(cacheDir, `apt-${arch}`);

/** Settings that keep apt off the machine's own state; its proxies and the like (apt.conf.d) still count. */
function privately(arch: DebianArch): string[] {
  const home = homeOf(arch);
  const settings = {
    'APT::Architecture': arch,
    'APT::Architectures': arch,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Dir::State': path.join(home, 'state'),
    'Dir::State::status': path.join(home, 'state/status'),
    'Dir::Cache': path.join(home, 'cache'),
    'Dir::Cache::pkgcache': 'pkgcache.bin',
    'Dir::Cache::srcpkgcache': '',
    'Dir::Etc::sourcelist': path.join(home, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
}

async function update(arch: DebianArch): Promise<void> {
  const home = homeOf(arch);
  for (const sub of ['state/lists/partial', 'cache/archives/partial', 'debs']) {
    await mkdir(path.join(home, sub), { recursive: true });
  }
  await writeFile(path.join(home, 'state/status'), '');
  // raspi-firmware, what a Pi runs before any kernel, is in non-free-firmware.
  const lines = (await debianSources()).map((source) => aptSourceLine(source, ['main', 'non-free-firmware']));
  await writeFile(path.join(home, 'sources.list'), lines.join('\n') + '\n');
  // A mirror in the middle of an update may lack one list (updates, security); the others do.
  const { stderr } = await run(['apt-get', ...privately(arch), '-q', 'update'], { okCodes: [0, 100] });
  const lists = await readdir(path.join(home, 'state/lists'));
  if (!lists.some((name) => name.includes('_main_') && name.includes('_Packages'))) {
    throw new Error(`no package lists for ${arch} could be fetched:\n${stderr}`);
  }
  await writeFile(path.join(home, 'updated'), new Date().toISOString());
}

function parsePackages(text: string): DebianPackage[] {
  return text
    .split(/\n\n+/)
    .filter((stanza) => stanza.startsWith('Package: '))
    .map((stanza) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
      return {
        name: field('Package'),
        version: field('Version'),
        sha256: field('SHA256'),
        depends: field('Depends')
          .split(/[,|]/)
          .map((dependency) => dependency.trim().split(/[ :(]/)[0] ?? '')
          .filter((name) => name !== ''),
      };
    });
}

async function sha256Of(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

/** Downloads one package into `debs/<sha256>.deb`, whole or not at all. */
async function download(arch: DebianArch, wanted: DebianPackage): Promise<string> {
  const debs = path.join(homeOf(arch), 'debs');
  const deb = path.join(debs, `${wanted.sha256}.deb`);
  if (existsSync(deb)) return deb;
  const arriving = await mkdtemp(path.join(debs, 'arriving-'));
  try {
    await run(['apt-get', ...privately(arch), '-q', 'download', `${wanted.name}=${wanted.version}`], {
      cwd: arriving,
    }).catch((error: unknown) => {
      throw new StalePackageLists(`${wanted.name} ${wanted.version} for ${arch}: ${String(error)}`);
    });
    const [name] = await readdir(arriving);
    if (name === undefined || (await sha256Of(path.join(arriving, name))) !== wanted.sha256) {
      throw new Error(`${wanted.name} ${wanted.version} for ${arch}: not what the package lists promise`);
    }
    await rename(path.join(arriving, name), deb);
    return deb;
  } finally {
    await rm(arriving, { recursive: true, force: true });
  }
}

const lockOf = (arch: DebianArch): string => path.join(cacheDir, `apt-${arch}.lock`);

/** Asks the mirrors for their present package lists. */
export async function refreshPackageLists(arch: DebianArch): Promise<void> {
  await withLock(lockOf(arch), () => update(arch));
}

/**
 * Debian's packages for another architecture, through a private apt directory in the cache: the machine's own mirrors
 * and keys, but none of its state. Nothing is installed and no maintainer script runs; packages are only unpacked.
 */
export async function openDebianArm(arch: DebianArch): Promise<DebianArm> {
  await withLock(lockOf(arch), async () => {
    if (!existsSync(path.join(homeOf(arch), 'updated'))) await update(arch);
  });
  const debian: DebianArm = {
    arch,
    async show(names) {
      const { stdout } = await run(['apt-cache', ...privately(arch), '--no-all-versions', 'show', ...names]);
      const found = new Map(parsePackages(stdout).map((entry) => [entry.name, entry]));
      return names.map((name) => {
        const entry = found.get(name);
        if (entry === undefined) throw new Error(`Debian has no package ${name} for ${arch}`);
        return entry;
      });
    },
    async withDependencies(names, dpkgStatus) {
      const simulate = ['-o', `Dir::State::status=${dpkgStatus}`, '--simulate', '--no-install-recommends', 'install'];
      const { stdout } = await run(['apt-get', ...privately(arch), ...simulate, ...names]);
      const needed = [...stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
      return debian.show(needed);
    },
    async unpack(packages, dir) {
      await mkdir(dir, { recursive: true });
      const debs = await withLock(lockOf(arch), async () => {
        const files: string[] = [];
        for (const wanted of packages) files.push(await download(arch, wanted));
        return files;
      });
      for (const deb of debs) await run(['dpkg-deb', '-x', deb, dir]);
    },
  };
  return debian;
}

/** `name=version` of each, for a recipe's digest. */
export const packageNeeds = (arch: DebianArch, packages: readonly DebianPackage[]): string[] =>
  packages.map((entry) => `${arch}:${entry.name}=${entry.version}`);
