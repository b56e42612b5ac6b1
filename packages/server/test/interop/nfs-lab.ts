import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { NfsExport } from '../../src/app/nfs/ports.js';

const run = promisify(execFile);

export const addresses = { server: '10.78.0.1', a: '10.78.0.11', b: '10.78.0.12' } as const;
export type Host = keyof typeof addresses;

export interface Ganesha {
  /** Its last words, or versions that it speaks. */
  readonly began: { readonly ready?: string; readonly failed?: string };
  /** `applied`, or why not. */
  apply(exports: readonly NfsExport[]): Promise<string>;
  stop(): Promise<void>;
  /** As a crash would end it. */
  kill(): Promise<void>;
}

export interface NfsLab {
  ganesha(folder: string, options?: { readonly portMapper: boolean }): Promise<Ganesha>;
  /** A program on a host, to its end: what it printed to either output. */
  run(host: Host, ...command: readonly string[]): Promise<string>;
  /** One question of nfs-handles.py. */
  ask(host: Host, question: string): Promise<string>;
  /** Many of them. */
  askAll(host: Host, questions: readonly string[]): Promise<string[]>;
  /** What a host is answered that asks for the file `secret` by each handle that can be put together of two, cut at any byte. */
  askSpliced(host: Host, one: string, other: string): Promise<string[]>;
  /** Gives a host another address. */
  readdress(host: Host, address: string): Promise<void>;
  /** For an emulated machine that is the server: where it runs, and the tap that its card is plugged into. */
  plug(): Promise<{ netns: string; tap: string }>;
  close(): Promise<void>;
}

const client = fileURLToPath(new URL('./nfs-handles.py', import.meta.url));
const child = fileURLToPath(new URL('./nfs-child.ts', import.meta.url));

/** The port mapper stays behind the shell: it is ended with the namespace's other processes. */
const services = (withPortMapper: boolean): string =>
  [
    'mount -t tmpfs tmpfs /run',
    'mkdir -p /run/ganesha',
    ...(withPortMapper ? ['rpcbind -f -w </dev/null >/dev/null 2>&1 &'] : []),
    'exec "$@"',
  ].join('\n');

/** Ports of the servers that are asked. `mount` 0: the port mapper knows. */
interface LabOptions {
  readonly mountPort: number;
  /** The server is a machine that is emulated: see `NfsLab.plug`. */
  readonly isServerEmulated: boolean;
}

const ganeshaOfDrover: LabOptions = { mountPort: 20_048, isServerEmulated: false };

/** The beginning of one and the end of the other, in hex. */
const splicesOf = (one: string, other: string): string[] =>
  Array.from({ length: one.length / 2 - 1 }, (_each, at) => {
    const cut = (at + 1) * 2;
    return [one.slice(0, cut) + other.slice(cut), other.slice(0, cut) + one.slice(cut)];
  }).flat();

/** Two boards and a server on one network. Takes root. */
export async function nfsLab({ mountPort, isServerEmulated }: LabOptions = ganeshaOfDrover): Promise<NfsLab> {
  const id = randomBytes(2).toString('hex');
  const space = (host: Host): string => `drv-nfs-${id}-${host}`;
  const ip = (...args: string[]) => run('ip', args);
  const running = new Set<ChildProcess>();

  for (const host of ['server', 'a', 'b'] as const) {
    await ip('netns', 'add', space(host));
    await ip('-n', space(host), 'link', 'set', 'lo', 'up');
  }
  await ip('-n', space('server'), 'link', 'add', 'br0', 'type', 'bridge');
  if (!isServerEmulated) await ip('-n', space('server'), 'addr', 'add', `${addresses.server}/24`, 'dev', 'br0');
  await ip('-n', space('server'), 'link', 'set', 'br0', 'up');
  for (const host of ['a', 'b'] as const) {
    const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', space(host)];
    await ip('link', 'add', `to-${host}`, 'netns', space('server'), ...peer);
    await ip('-n', space('server'), 'link', 'set', `to-${host}`, 'master', 'br0', 'up');
    await ip('-n', space(host), 'addr', 'add', `${addresses[host]}/24`, 'dev', 'eth0');
    await ip('-n', space(host), 'link', 'set', 'eth0', 'up');
  }

  const runOn: NfsLab['run'] = async (host, ...command) => {
    const { stdout, stderr } = await run('ip', ['netns', 'exec', space(host), ...command], { timeout: 60_000 }).catch(
      (error: unknown) => error as { stdout: string; stderr: string },
    );
    return stdout + stderr;
  };

  const askAll: NfsLab['askAll'] = async (host, questions) => {
    const python = ['python3', client, addresses.server, '2049', String(mountPort)];
    const said = await runOn(
      host,
      'sh',
      '-c',
      'echo "$1" | "$2" "$3" "$4" "$5" "$6"',
      'sh',
      questions.join('\n'),
      ...python,
    );
    return said.trim().split('\n');
  };

  /** Pids of a host. */
  const pidsOf = async (host: Host): Promise<number[]> =>
    (await ip('netns', 'pids', space(host))).stdout.split('\n').filter(Boolean).map(Number);

  const endPortMapper = async (): Promise<void> => {
    for (const pid of await pidsOf('server'))
      if ((await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'rpcbind')
        process.kill(pid, 'SIGKILL');
  };

  return {
    run: runOn,
    askAll,
    askSpliced: async (host, one, other) => {
      const questions = splicesOf(one, other).map((handle) => `read ${handle} secret`);
      const answers = await askAll(host, questions);
      if (answers.length !== questions.length) throw new Error(`not all were answered: ${answers.join(', ')}`);
      return answers;
    },
    ask: async (host, question) => (await askAll(host, [question]))[0] ?? '',
    plug: async () => {
      await ip('-n', space('server'), 'tuntap', 'add', 'tap0', 'mode', 'tap');
      await ip('-n', space('server'), 'link', 'set', 'tap0', 'master', 'br0', 'up');
      return { netns: space('server'), tap: 'tap0' };
    },
    readdress: async (host, address) => {
      await ip('-n', space(host), 'addr', 'flush', 'dev', 'eth0');
      await ip('-n', space(host), 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    },
    ganesha: async (folder, { portMapper } = { portMapper: true }) => {
      const node = [process.execPath, '--conditions=drover-source', '--import', 'tsx', child, folder];
      const command = ['netns', 'exec', space('server'), 'sh', '-ec', services(portMapper), 'sh', ...node];
      // A process group of its own: what one of them sends to its group is not for other tests.
      const started = spawn('ip', command, { detached: true });
      running.add(started);
      const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
      started.stderr.resume();
      const next = async (): Promise<Record<string, string>> => {
        for (;;) {
          const { value, done } = (await lines.next()) as { value: string; done?: boolean };
          if (done === true) return { failed: 'it ended' };
          const line = JSON.parse(value) as Record<string, string>;
          if ('ready' in line || 'failed' in line || 'applied' in line) return line;
        }
      };
      const began = await next();
      return {
        began,
        apply: async (exports) => {
          started.stdin.write(`${JSON.stringify(exports)}\n`);
          return (await next())['failed'] ?? 'applied';
        },
        kill: async () => {
          running.delete(started);
          const ended = once(started, 'exit');
          started.kill('SIGKILL');
          await ended;
        },
        stop: async () => {
          running.delete(started);
          if (started.exitCode !== null) return;
          const ended = once(started, 'exit');
          started.kill('SIGTERM');
          await ended;
          await endPortMapper();
        },
      };
    },
    close: async () => {
      for (const each of running) each.kill('SIGKILL');
      for (const host of ['a', 'b', 'server'] as const) {
        for (const pid of await pidsOf(host)) {
          try {
            process.kill(pid, 'SIGKILL');
          } catch {
            // It has ended by itself.
          }
        }
        await ip('netns', 'del', space(host));
      }
    },
  };
}
