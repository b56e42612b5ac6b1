import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { Architecture, Tools } from '../ports.js';
import { aptSourceLine, debianSources } from './apt-sources.js';

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  /** Of the .deb, from the signed package list. */
  readonly sha256: string;
}

/**
 * An apt of our own in one folder: the machine's mirrors and keys, another architecture, and none of the machine's state. It
 * never installs; it reads package lists, downloads packages and unpacks them.
 */
export interface PrivateApt {
  /**
   * Fetches package lists. A list that cannot be fetched now, because its mirror is being synchronised, is no fault yet: what the
   * other lists have is as well signed.
   */
  update(signal: AbortSignal): Promise<void>;
  /** Throws RefusedError('tool.failed'), with what went wrong at the update, when the lists have no such package. */
  show(name: string, signal: AbortSignal): Promise<DebianPackage>;
  /** Unpacks the package below `into`, after its sha256 was compared. */
  unpack(wanted: DebianPackage, into: string, signal: AbortSignal): Promise<void>;
}

/** apt.conf(5) settings. Proxies and the like from /etc/apt/apt.conf.d still count. */
function settings(folder: string, architecture: Architecture): string[] {
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

async function download(
  tools: Tools,
  options: readonly string[],
  wanted: DebianPackage,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const cwd = await mkdtemp(join(folder, 'arriving-'));
  await tools.run('apt-get', [...options, '-q', 'download', `${wanted.name}=${wanted.version}`], { cwd, signal });
  const file = (await readdir(cwd)).find((name) => name.endsWith('.deb'));
  if (file === undefined) throw aptFailed(`apt downloaded nothing for ${wanted.name} ${wanted.version}`);
  const path = join(cwd, file);
  const digest = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  if (digest !== wanted.sha256)
    throw aptFailed(`${file} has sha256 ${digest}, but the signed package list promises ${wanted.sha256}`);
  return path;
}

export function createPrivateApt(tools: Tools, folder: string, architecture: Architecture): PrivateApt {
  const options = settings(folder, architecture);
  let incomplete: RefusedError | undefined;
  return {
    update: async (signal) => {
      const sources = (await debianSources()).map((source) => aptSourceLine(source, 'main'));
      for (const each of ['state/lists/partial', 'cache/archives/partial'])
        await mkdir(join(folder, each), { recursive: true });
      await writeFile(join(folder, 'state/status'), '');
      await writeFile(join(folder, 'sources.list.new'), `${sources.join('\n')}\n`);
      await rename(join(folder, 'sources.list.new'), join(folder, 'sources.list'));
      await tools.run('apt-get', [...options, '-q', 'update', '--error-on=any'], { signal }).catch((fault: unknown) => {
        if (!(fault instanceof RefusedError) || fault.refusal.code !== 'tool.failed') throw fault;
        incomplete = aptFailed(fault.refusal.detail);
      });
    },
    show: async (name, signal) => {
      const query = [...options, '--no-all-versions', 'show', name];
      const { stdout } = await tools.run('apt-cache', query, { signal }).catch((fault: unknown) => {
        throw incomplete ?? fault;
      });
      const found = parseShow(stdout);
      if (found === undefined)
        throw incomplete ?? aptFailed(`Debian's package lists for ${architecture} do not have ${name}`);
      return found;
    },
    unpack: async (wanted, into, signal) => {
      const deb = await download(tools, options, wanted, folder, signal);
      await mkdir(into, { recursive: true });
      await tools.run('dpkg-deb', ['-x', deb, into], { signal });
      await rm(join(deb, '..'), { recursive: true });
    },
  };
}
