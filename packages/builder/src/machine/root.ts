import type { ToolResult } from '@drover/tools';
import type { Sandbox, SandboxRun } from './sandbox.js';
import { workbench } from './workbench.js';

/** A root file system of several layers, as it is mounted in a sandbox. */
export interface BuildRoot {
  /** Seen from the sandbox. */
  readonly path: string;
  /**
   * Runs a program of the root with that root as all it sees: with devices, /proc, empty /run and /tmp, and the network of this machine. Whatever it
   * leaves running is ended.
   */
  run(program: string, args: readonly string[], options?: RootRun): Promise<ToolResult>;
  /** The words before a program and its arguments that run it so, for programs of the sandbox that run others in the root. */
  entry(options?: Pick<RootRun, 'forgotten'>): readonly string[];
  close(): Promise<void>;
}

export interface RootRun extends SandboxRun {
  /** Folders and files of the sandbox that are seen too, read-only: by their place below /mnt of the root. */
  readonly shown?: Readonly<Record<string, string>>;
  /** Folders that are empty, and whose files are gone afterwards. */
  readonly forgotten?: readonly string[];
}

export interface RootPlace {
  /** The folder that `below` are names in. */
  readonly layers: string;
  /** The lowest first. */
  readonly below: readonly string[];
  /** Takes what changes; undefined: nothing can be changed. */
  readonly changes: { readonly upper: string; readonly work: string } | undefined;
  /** An empty folder. */
  readonly target: string;
}

/** A path in a list of mount options: overlayfs takes a backslash before what has a meaning. */
const escaped = (path: string): string => path.replaceAll(/[\\:,]/g, '\\$&');

function mountArguments({ below, changes, target }: RootPlace): string[] {
  const lower = [...below].reverse().map(escaped).join(':');
  // One folder alone is no overlay.
  if (changes === undefined && below.length === 1) return ['--bind', '-o', 'ro', below[0] ?? '', target];
  if (changes !== undefined && below.length === 0) return ['--bind', changes.upper, target];
  // What is built is written out once when a layer is done, not at each of dpkg's many fsyncs.
  const written = changes && `upperdir=${escaped(changes.upper)},workdir=${escaped(changes.work)},volatile,`;
  return ['-t', 'overlay', 'overlay', '-o', `${written ?? 'ro,'}userxattr,lowerdir=${lower}`, target];
}

/**
 * Where a root looks for name servers, so that a script that fetches something finds this machine's: its /etc/resolv.conf, or where that leads to, which is
 * in /run. A file that is not there is made for the moment, and is empty when the root is cleaned.
 */
async function resolverOf(sandbox: Sandbox, path: string): Promise<string> {
  const { stdout } = await sandbox.run('sh', ['-c', 'readlink "$1/etc/resolv.conf" || :', 'sh', path]);
  const inRun = /^(?:\/|(?:\.\.\/)+)(run(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+)$/.exec(stdout.trim())?.[1];
  return inRun === undefined ? '/etc/resolv.conf' : `/${inRun}`;
}

/** What a root is entered with: pivot_root, so that there is no way back to this machine's files. */
const enter = (path: string, resolver: string, { cwd, shown = {}, forgotten = [] }: RootRun): string[] => [
  ...['--bind', path, '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/run'],
  ...['--bind', workbench.rootTemporary, '/tmp', '--ro-bind-try', '/etc/resolv.conf', resolver],
  ...['--tmpfs', '/mnt', '--ro-bind', workbench.repository, workbench.repository],
  ...['--bind', workbench.temporary, workbench.temporary],
  ...Object.entries(shown).flatMap(([place, folder]) => ['--ro-bind', folder, place]),
  ...forgotten.flatMap((folder) => ['--tmpfs', folder]),
  ...['--unshare-pid', '--die-with-parent', '--cap-add', 'ALL', '--chdir', cwd ?? '/', '--'],
];

export async function openRoot(sandbox: Sandbox, place: RootPlace): Promise<BuildRoot> {
  const { target, layers } = place;
  await sandbox.run('mount', mountArguments(place), { cwd: layers });
  await sandbox.run('sh', ['-euc', 'rm -rf "$1"; mkdir -m 1777 "$1"', 'sh', workbench.rootTemporary]);
  const resolver = await resolverOf(sandbox, target);
  return {
    path: target,
    run: (program, args, options = {}) => {
      const { shown: _shown, cwd: _cwd, forgotten: _forgotten, ...rest } = options;
      return sandbox.run('bwrap', [...enter(target, resolver, options), program, ...args], rest);
    },
    entry: (options = {}) => ['bwrap', ...enter(target, resolver, options)],
    close: async () => {
      await sandbox.run('umount', [target]);
    },
  };
}
