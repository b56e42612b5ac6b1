import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { refusal, RefusedError } from '@drover/contract';

export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly cwd?: string;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes for standard input; nothing by default. A fault of this source ends the tool and is thrown as it is. */
  readonly input?: AsyncIterable<Uint8Array>;
  /** Exit codes that count as success. Default `[0]`. */
  readonly okCodes?: readonly number[];
  /** Added to the priority of the process, 0 to 19: higher gives way to others. Default 0. */
  readonly nice?: number;
  /** What it prints, to both outputs, as it comes. */
  readonly onOutput?: (chunk: Uint8Array) => void;
}

export interface ToolResult {
  readonly code: number;
  /** At most 16 MiB. */
  readonly stdout: string;
}

/** What most callers need of a {@link ToolRunner}. */
export interface Tools {
  run(
    tool: string,
    args: readonly string[],
    options?: Pick<RunOptions, 'signal' | 'cwd' | 'env' | 'onOutput'>,
  ): Promise<{ readonly stdout: string }>;
}

/**
 * Runs a system program without a shell. Throws RefusedError: `tool.missing` with the package as the remedy, `tool.failed` with
 * the end of what it printed, `storage.full` when it says so. Rejects with the signal's reason when that is aborted.
 */
export interface ToolRunner {
  run(tool: string, args: readonly string[], options?: RunOptions): Promise<ToolResult>;
}

/** Debian packages of the programs we run. */
const packages: Readonly<Record<string, string>> = {
  mksquashfs: 'squashfs-tools',
  unsquashfs: 'squashfs-tools',
  e2fsck: 'e2fsprogs',
  mke2fs: 'e2fsprogs',
  flock: 'util-linux',
  'apt-get': 'apt',
  'apt-cache': 'apt',
  'dpkg-deb': 'dpkg',
  mmdebstrap: 'mmdebstrap',
  'ansible-playbook': 'ansible',
  unshare: 'util-linux',
  bwrap: 'bubblewrap',
  newuidmap: 'uidmap',
  newgidmap: 'uidmap',
  nsenter: 'util-linux',
  'mkfs.vfat': 'dosfstools',
  mcopy: 'mtools',
  mmd: 'mtools',
  blockdev: 'util-linux',
  sfdisk: 'fdisk',
  squashfuse_ll: 'squashfuse',
  getfattr: 'attr',
  unzip: 'unzip',
  ip: 'iproute2',
  exportfs: 'nfs-kernel-server',
  btrfs: 'btrfs-progs',
  openssl: 'openssl',
  ssh: 'openssh-client',
  xz: 'xz-utils',
  zstd: 'zstd',
};

/** Where administrators' programs are when the search path of an ordinary user leaves them out. */
const systemFolders = ['', '/usr/sbin/', '/sbin/'];

const stdoutLimit = 16 * 1024 * 1024;
const tailLimit = 4096;
const killAfterMs = 5000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Resolves once the program runs; undefined when there is none of that name. */
async function start(path: string, args: readonly string[], options: RunOptions): Promise<Child | undefined> {
  const child = spawn(path, args, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  // A program that ends before it has read everything is judged by its exit code.
  child.stdin.on('error', () => undefined);
  try {
    await once(child, 'spawn');
    return child;
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fault;
  }
}

/** env(1) adds to the environment we have without our reading it. */
function throughEnv(path: string, args: readonly string[], env: RunOptions['env']): [string, readonly string[]] {
  const added = Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`);
  return added.length === 0 ? [path, args] : ['env', [...added, path, ...args]];
}

function missing(tool: string): RefusedError {
  const name = packages[tool];
  return new RefusedError(
    refusal('tool.missing', `The program ${tool} is not installed.`, {
      remedy: name === undefined ? `Install ${tool}.` : `Install it: apt install ${name}`,
    }),
  );
}

export async function startAnywhere(tool: string, args: readonly string[], options: RunOptions): Promise<Child> {
  for (const folder of tool.includes('/') ? [''] : systemFolders) {
    const child = await start(...throughEnv(folder + tool, args, options.env), options);
    if (child !== undefined) return child;
  }
  throw missing(tool);
}

function giveWay(child: Child, nice: number): void {
  if (nice === 0 || child.pid === undefined) return;
  try {
    setPriority(child.pid, nice);
  } catch {
    // It has ended already.
  }
}

/** Ends the program: politely first, for good after a while. Returns the way to call that off. */
export function ending(child: Child): { readonly end: () => void; readonly stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    end: () => {
      child.kill('SIGTERM');
      timer ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    },
    stop: () => clearTimeout(timer),
  };
}

export class Tail {
  private text = '';
  add(chunk: Buffer): void {
    this.text = (this.text + chunk.toString('utf8')).slice(-tailLimit);
  }
  get value(): string {
    return this.text.trim();
  }
}

export function failure(tool: string, end: string, said: string): RefusedError {
  if (/no space left on device/i.test(said))
    return new RefusedError(
      refusal('storage.full', `There was no space left for ${tool}.`, { remedy: 'Make room in the data folder.' }),
    );
  return new RefusedError(refusal('tool.failed', `${tool} ended with ${end}${said === '' ? '' : `: ${said}`}`));
}

async function run(tool: string, args: readonly string[], options: RunOptions): Promise<ToolResult> {
  options.signal?.throwIfAborted();
  const child = await startAnywhere(tool, args, options);
  giveWay(child, options.nice ?? 0);
  const { end, stop } = ending(child);
  options.signal?.addEventListener('abort', end, { once: true });
  if (options.signal?.aborted === true) end();
  const out: Buffer[] = [];
  let outBytes = 0;
  const said = new Tail();
  child.stdout.on('data', (chunk: Buffer) => {
    said.add(chunk);
    options.onOutput?.(chunk);
    outBytes += chunk.length;
    if (outBytes <= stdoutLimit) out.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.add(chunk);
    options.onOutput?.(chunk);
  });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  let sourceFault: { fault: unknown } | undefined;
  const fed =
    options.input === undefined
      ? Promise.resolve(child.stdin.end())
      : feed(child, options.input).catch((fault: unknown) => {
          sourceFault = { fault };
          end();
        });
  try {
    const [code, signal] = await ended;
    await fed;
    options.signal?.throwIfAborted();
    if (sourceFault !== undefined) throw sourceFault.fault;
    // What env(1) says when there is no such program.
    if (code === 127 && options.env !== undefined) throw missing(tool);
    if (code === null || !(options.okCodes ?? [0]).includes(code))
      throw failure(tool, signal ?? String(code), said.value);
    return { code, stdout: Buffer.concat(out).toString('utf8') };
  } finally {
    stop();
    options.signal?.removeEventListener('abort', end);
  }
}

/** Faults of the source are thrown; that the program closed its input early is not one. */
async function feed(child: Child, input: AsyncIterable<Uint8Array>): Promise<void> {
  let closed = false;
  const watched = async function* (): AsyncIterable<Uint8Array> {
    for await (const chunk of input) {
      if (closed) return;
      yield chunk;
    }
  };
  child.once('close', () => {
    closed = true;
  });
  await pipeline(watched(), child.stdin).catch((fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'EPIPE' && fault.code !== 'ERR_STREAM_PREMATURE_CLOSE' && fault.code !== 'ECONNRESET')
      throw fault;
  });
}

export const createToolRunner = (): ToolRunner => ({ run: (tool, args, options = {}) => run(tool, args, options) });
