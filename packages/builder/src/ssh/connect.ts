import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { refusal, RefusedError } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { installation } from '../installation.js';
import { startChild } from '../process/child.js';
import type { Connect, Connection } from '../process/connection.js';
import { placeOf, type SshAddress } from './address.js';
import { packProgram, type Program } from './program.js';
import { openSshSession, type SshSession } from './session.js';

export interface SshBuilderOptions {
  readonly address: SshAddress;
  /** Instead of ~/.ssh/config. */
  readonly configFile: string | null;
  /** Where that host keeps packages and layers; null: `~/.cache/drover/builds` there. */
  readonly cacheDir: string | null;
}

const oldestNode = 20;

/** One word of a command line for a POSIX shell. */
const word = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const script = (text: string, ...words: string[]): string => ['sh', '-euc', text, 'sh', ...words].map(word).join(' ');

const look = `
cache=\${XDG_CACHE_HOME:-$HOME/.cache}/drover
printf 'cache=%s\\nnode=%s\\n' "$cache" "$(node --version 2>/dev/null || :)"
if [ -e "$cache/builder/$1" ]; then touch "$cache/builder/$1"; echo program=there; fi`;

/** It appears as a whole or not at all; those that nobody used for a month go. */
const install = `
mkdir -p "$1"; cd "$1"; new=$(mktemp -d new-XXXXXX); trap 'rm -rf "$new"' EXIT
tar -xzf - -C "$new"; chmod 755 "$new"; touch "$new"; [ -e "$2" ] || mv -T "$new" "$2"
find . -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} +`;

async function* asStream(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await Promise.resolve(bytes);
}

interface There {
  readonly cache: string;
  readonly node: string;
  readonly hasProgram: boolean;
}

async function lookThere(session: SshSession, digest: string, signal: AbortSignal): Promise<There> {
  const said = await session.run(script(look, digest), { signal });
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(said)?.[1] ?? '';
  return { cache: value('cache'), node: value('node'), hasProgram: value('program') === 'there' };
}

const noNode = (place: string, found: string): RefusedError =>
  new RefusedError(
    refusal(
      'tool.missing',
      `${place} has ${found === '' ? 'no Node.js' : `Node.js ${found}`}, and a build needs ${oldestNode} or later.`,
      {
        remedy: `Install it there. Debian 13 has it: apt install nodejs.`,
      },
    ),
  );

/** Brings the program there, unless it is there since an earlier build. Returns its path. */
async function bringProgram(
  session: SshSession,
  program: Program,
  place: string,
  signal: AbortSignal,
): Promise<{ path: string; cache: string }> {
  const { cache, node, hasProgram } = await lookThere(session, program.digest, signal);
  const major = Number(/^v(\d+)\./.exec(node)?.[1] ?? 0);
  if (major < oldestNode) throw noNode(place, node);
  const folder = `${cache}/builder`;
  if (!hasProgram) await session.run(script(install, folder, program.digest), { signal, input: asStream(program.tgz) });
  return { path: `${folder}/${program.digest}/${program.main}`, cache };
}

/** Files of a folder there, as one tar on the way, holes as holes. */
async function fetchFiles(
  session: SshSession,
  folder: string,
  names: readonly string[],
  into: string,
  signal: AbortSignal,
): Promise<void> {
  const line = ['tar', '-c', '--sparse', '-f', '-', '-C', folder, '--', ...names].map(word).join(' ');
  const [program = '', ...args] = session.command(line);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  child.on('error', () => undefined);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  const ended = once(child, 'close') as Promise<[number | null]>;
  await createToolRunner().run('tar', ['-x', '-f', '-', '-C', into], { input: child.stdout, signal });
  const [code] = await ended;
  signal.throwIfAborted();
  if (code !== 0)
    throw new RefusedError(
      refusal(
        'tool.failed',
        `What was built could not be fetched: ${said.trim() || `ssh ended with ${code ?? 'a signal'}`}`,
      ),
    );
}

/** A process on another host that ssh(1) reaches. All it needs to have is Node.js and the programs of a build; Drover is brought along. */
export const connectOverSsh =
  ({ address, configFile, cacheDir }: SshBuilderOptions): Connect =>
  async (signal): Promise<Connection> => {
    const place = placeOf(address);
    const tools = createToolRunner();
    const session = await openSshSession({ address, configFile, tools }, signal);
    try {
      const program = await packProgram(installation, tools, signal);
      const { path, cache } = await bringProgram(session, program, place, signal);
      const [command = '', ...args] = session.command(`exec ${['node', path].map(word).join(' ')}`);
      const child = await startChild(command, args);
      return {
        ...{ place, isLocal: false, cacheDir: cacheDir ?? `${cache}/builds` },
        ...child,
        fetch: (folder, names, into, ended) => fetchFiles(session, folder, names, into, ended),
        close: async () => {
          const end = await child.close();
          await session.close();
          return end;
        },
      };
    } catch (error) {
      await session.close();
      throw error;
    }
  };
