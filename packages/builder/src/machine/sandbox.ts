import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { refusal, RefusedError } from '@drover/contract';
import type { RunOptions, ToolResult, ToolRunner } from '@drover/tools';
import { mapIds } from './id-map.js';

export interface SandboxRun extends Omit<RunOptions, 'signal'> {
  /** The only variables it has besides PATH, HOME and LC_ALL. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Namespaces of a build: users, mounts, processes, host name, IPC. What runs in them is root there and has no more rights outside than we have; all it
 * mounts and starts ends with it.
 */
export interface Sandbox {
  /** Runs a program to its end. What it has left running goes on until the sandbox is closed. Throws as {@link ToolRunner} does. */
  run(program: string, args: readonly string[], options?: SandboxRun): Promise<ToolResult>;
  /** Ends everything in it. */
  close(): Promise<void>;
}

/**
 * The first process: waits until its ids are mapped, then makes the other namespaces, and stays as long as the pipe it reads is open. When we are gone,
 * however we went, the pipe ends, and with the first process of a PID namespace the kernel ends all of it.
 */
const holderScript = `echo ready; read go
exec unshare --mount --pid --ipc --uts --fork --kill-child --mount-proc --propagation private -- sh -c 'echo inside; exec cat >/dev/null'`;

const notPossible = (why: string): RefusedError =>
  new RefusedError(
    refusal('tool.failed', `This machine does not let a build have namespaces of its own: ${why}.`, {
      remedy:
        'Allow user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), or build on another host: `drover build --on ssh://HOST`.',
    }),
  );

interface Holder {
  readonly child: ChildProcess;
  readonly pid: number;
}

async function startHolder(tools: ToolRunner, signal: AbortSignal): Promise<Holder> {
  const child = spawn('unshare', ['--user', 'sh', '-c', holderScript], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)));
  const failed = once(child, 'close').then(() => {
    throw notPossible(said.trim() || 'unshare ended at once');
  });
  failed.catch(() => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const expectLine = async (): Promise<void> => {
    await Promise.race([lines.next(), failed]);
    // The end of its output is no line.
    if (child.exitCode !== null) await failed;
    signal.throwIfAborted();
  };
  try {
    await expectLine();
    const pid = child.pid;
    if (pid === undefined) throw notPossible('unshare did not start');
    await mapIds(pid, tools);
    child.stdin.write('go\n');
    await expectLine();
    return { child, pid };
  } catch (fault) {
    child.kill('SIGKILL');
    throw fault;
  }
}

const variables = (env: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({ PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8', ...env }).map(
    ([name, value]) => `${name}=${value}`,
  );

/** Makes namespaces. They end with `signal`, and what runs in them then rejects with its reason. */
export async function openSandbox(tools: ToolRunner, signal: AbortSignal): Promise<Sandbox> {
  signal.throwIfAborted();
  const { child, pid } = await startHolder(tools, signal);
  const ended = child.exitCode === null ? once(child, 'close') : Promise.resolve();
  // Its own end is a kill too: the child that is first in the PID namespace goes with it.
  const end = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  const enter = [
    ...['-t', String(pid), '--user', '--mount', '--uts', '--ipc'],
    `--pid=/proc/${pid}/ns/pid_for_children`,
    ...['--', 'env', '-i'],
  ];
  return {
    run: async (program, args, { env, cwd, ...options } = {}) => {
      // nsenter goes to the root of the namespaces, so the folder is entered again.
      const within = cwd === undefined ? [] : ['-C', cwd];
      const words = [...enter, ...within, ...variables(env), program, ...args];
      try {
        return await tools.run('nsenter', words, options);
      } catch (fault) {
        signal.throwIfAborted();
        throw renamed(fault, program);
      }
    },
    close: async () => {
      signal.removeEventListener('abort', end);
      end();
      await ended;
    },
  };
}

/** The program that failed is the one that was asked for, not the one that led to it. */
function renamed(fault: unknown, program: string): unknown {
  if (!(fault instanceof RefusedError)) return fault;
  const { detail, ...rest } = fault.refusal;
  return new RefusedError({ ...rest, detail: detail.replace('nsenter', program) });
}
