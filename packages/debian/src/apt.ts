import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { Tools } from '@drover/tools';
import { parsePackageList, type ListedPackage } from './locked.js';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** Of the .deb, from the signed package list. */
  readonly sha256: string;
}

/** What apt would do. */
export interface Resolved {
  readonly install: readonly ListedPackage[];
  /** Names of packages that leave. */
  readonly remove: readonly string[];
}

/** What is asked of apt's resolver. */
export interface ResolveWish {
  /** Names and patterns (apt-patterns(7)), as apt-get takes them. */
  readonly install: readonly string[];
  readonly remove?: readonly string[];
  readonly recommends?: boolean;
}

/**
 * An apt of our own in one folder: mirrors and keys, an architecture, a state, and none of the machine's. It never installs; it reads
 * package lists, chooses, downloads packages and unpacks them. Throws RefusedError('tool.failed') with what apt said, and with what went
 * wrong at the update where something did.
 */
export interface PrivateApt {
  /**
   * Fetches package lists. A list that cannot be fetched now, because its mirror is being synchronised, is no fault yet: what the
   * other lists have is as well signed.
   */
  update(signal: AbortSignal): Promise<void>;
  /** A digest of all lists it has, which changes with them. */
  listsDigest(): Promise<string>;
  /** Refuses when the lists have no such package. */
  show(name: string, signal: AbortSignal): Promise<DebianPackage>;
  /** What apt would install and remove for a wish, seen from a state (a dpkg status file); nothing is changed. */
  resolve(wish: ResolveWish, state: string, signal: AbortSignal): Promise<Resolved>;
  /** Brings packages into a folder as `<sha256>.deb`, each after its sha256 was compared and its bytes are on the disk. */
  download(wanted: readonly DebianPackage[], into: string, options: DownloadOptions): Promise<void>;
  /** Unpacks the package below `into`, after its sha256 was compared. */
  unpack(wanted: DebianPackage, into: string, signal: AbortSignal): Promise<void>;
}

export interface DownloadOptions {
  readonly signal: AbortSignal;
  /** What apt says meanwhile. */
  readonly onOutput?: (chunk: Uint8Array) => void;
}

export interface PrivateAptDeps {
  readonly tools: Tools;
  readonly folder: string;
  readonly architecture: string;
  /** One-line sources, sources.list(5). */
  readonly sources: () => Promise<readonly string[]>;
  /** Others may use the folder at the same time: updates wait for each other, as apt itself does not. */
  readonly shared?: boolean;
}

/** apt.conf(5) settings. Proxies and the like from /etc/apt/apt.conf.d still count. */
function settings(folder: string, architecture: string): string[] {
  const values = {
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    // apt drops its rights for downloads when it is root; our folder is not open to that user.
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'state/status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}

function parseShow(text: string): DebianPackage | undefined {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const found = { name: field('Package'), version: field('Version'), sha256: field('SHA256') };
  return found.name !== '' && found.version !== '' && /^[0-9a-f]{64}$/.test(found.sha256) ? found : undefined;
}

const aptFailed = (detail: string) =>
  new RefusedError(
    refusal('tool.failed', detail, { remedy: 'Check that `apt update` works on this machine, then try again.' }),
  );

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
};

/** Lists by what their signed indices say of them: those name each list with its digest. */
async function digestLists(lists: string): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(lists)).filter((name) => /_(InRelease|Release|Release\.gpg)$/.test(name));
  for (const name of names.sort()) hash.update(`${name}\n`).update(await readFile(join(lists, name)));
  return hash.digest('hex');
}

/** Puts a file that has arrived where it is kept, for good. */
async function keep(path: string, into: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, into);
}

async function download(
  { tools, options }: { tools: Tools; options: readonly string[] },
  wanted: readonly DebianPackage[],
  into: string,
  { signal, onOutput }: DownloadOptions,
): Promise<void> {
  if (wanted.length === 0) return;
  const cwd = await mkdtemp(join(into, '.arriving-'));
  try {
    const names = wanted.map(({ name, version }) => `${name}=${version}`);
    await tools.run('apt-get', [...options, '-q', 'download', ...names], {
      ...{ cwd, signal },
      ...(onOutput === undefined ? {} : { onOutput }),
    });
    const missing = new Map(wanted.map((each) => [each.sha256, each]));
    const strange: string[] = [];
    for (const file of (await readdir(cwd)).filter((name) => name.endsWith('.deb'))) {
      const digest = await sha256Of(join(cwd, file));
      if (missing.delete(digest)) await keep(join(cwd, file), join(into, `${digest}.deb`));
      else strange.push(`${file} has sha256 ${digest}`);
    }
    const [absent] = missing.values();
    if (absent === undefined) return;
    const promise = `but the signed package list promises ${absent.sha256}`;
    throw aptFailed(
      strange.length === 0
        ? `apt downloaded nothing for ${absent.name} ${absent.version}`
        : `${strange.join(', ')}, ${promise}`,
    );
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

/** What `apt-get --simulate` says: `Inst name [old] (version origins [architecture])`, the name with its architecture where that is another, `Remv name [version]`, `Purg name [version]`. */
function parseSimulation(text: string): { readonly install: string[]; readonly remove: string[] } {
  const install = [...text.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm)].map(
    ([, name = '', version = '']) => `${name}=${version}`,
  );
  const remove = [...text.matchAll(/^(?:Remv|Purg) (\S+)/gm)].map(([, name = '']) => name);
  return { install, remove: [...new Set(remove)] };
}

async function resolve(
  { tools, options }: { tools: Tools; options: readonly string[] },
  { install, remove = [], recommends = false }: ResolveWish,
  state: string,
  signal: AbortSignal,
): Promise<Resolved> {
  const wishes = [...install, ...remove.map((name) => `${name}-`)];
  const seen = [...options, '-o', `Dir::State::status=${state}`, '-o', `APT::Install-Recommends=${recommends}`];
  const args = [...seen, '--simulate', '-qq', '-y', '--purge', 'install', ...wishes];
  const { stdout } = await tools.run('apt-get', args, { signal, env: { LC_ALL: 'C.UTF-8' } });
  const plan = parseSimulation(stdout);
  if (plan.install.length === 0) return { install: [], remove: plan.remove };
  const shown = await tools.run('apt-cache', [...seen, 'show', ...plan.install], { signal });
  const listed = parsePackageList(shown.stdout);
  const found = plan.install.map((each) => {
    const [, name, architecture, version] = /^([^:]+)(?::(.+))?=(.*)$/.exec(each) ?? [];
    const one = listed.find(
      ({ locked }) =>
        locked.name === name &&
        locked.version === version &&
        (architecture === undefined || locked.architecture === architecture),
    );
    if (one === undefined) throw aptFailed(`apt chose ${each}, and its package lists do not have it`);
    return one;
  });
  return { install: found, remove: plan.remove };
}

/** Seconds that an update waits for another. */
const longestUpdate = '600';

export function createPrivateApt({ tools, folder, architecture, sources, shared }: PrivateAptDeps): PrivateApt {
  const options = settings(folder, architecture);
  const apt = { tools, options };
  let incomplete: RefusedError | undefined;
  const unlessIncomplete = (fault: unknown): never => {
    throw incomplete ?? fault;
  };
  return {
    update: async (signal) => {
      const lines = await sources();
      for (const each of ['state/lists/partial', 'cache/archives/partial'])
        await mkdir(join(folder, each), { recursive: true });
      await writeFile(join(folder, 'state/status'), '');
      await writeFile(join(folder, 'sources.list.new'), `${lines.join('\n')}\n`);
      await rename(join(folder, 'sources.list.new'), join(folder, 'sources.list'));
      const update = [...options, '-q', 'update', '--error-on=any'];
      const turn = ['-w', longestUpdate, join(folder, 'turn'), 'apt-get'];
      const [program, args]: [string, string[]] =
        shared === true ? ['flock', [...turn, ...update]] : ['apt-get', update];
      await tools.run(program, args, { signal }).catch((fault: unknown) => {
        if (!(fault instanceof RefusedError) || fault.refusal.code !== 'tool.failed') throw fault;
        incomplete = aptFailed(fault.refusal.detail);
      });
    },
    listsDigest: () => digestLists(join(folder, 'state/lists')),
    show: async (name, signal) => {
      const query = [...options, '--no-all-versions', 'show', name];
      const { stdout } = await tools.run('apt-cache', query, { signal }).catch(unlessIncomplete);
      const found = parseShow(stdout);
      if (found === undefined)
        throw incomplete ?? aptFailed(`Debian's package lists for ${architecture} do not have ${name}`);
      return found;
    },
    resolve: (wish, state, signal) => resolve(apt, wish, state, signal).catch(unlessIncomplete),
    download: (wanted, into, downloading) => download(apt, wanted, into, downloading),
    unpack: async (wanted, into, signal) => {
      await download(apt, [wanted], folder, { signal });
      const deb = join(folder, `${wanted.sha256}.deb`);
      await mkdir(into, { recursive: true });
      await tools.run('dpkg-deb', ['-x', deb, into], { signal });
      await rm(deb);
    },
  };
}
