import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { refusal, RefusedError } from '@drover/contract';
import type { ToolRunner } from '@drover/tools';
import { placeOf, type SshAddress } from './address.js';

/** A login on another host that several programs are run through. */
export interface SshSession {
  /** The words that run one command line of the other host's shell. */
  command(line: string): readonly string[];
  /** Runs one to its end. Throws RefusedError('tool.failed') with what it said. */
  run(
    line: string,
    options: { readonly signal: AbortSignal; readonly input?: AsyncIterable<Uint8Array> },
  ): Promise<string>;
  close(): Promise<void>;
}

export interface SshOptions {
  readonly address: SshAddress;
  /** Instead of ~/.ssh/config, ssh_config(5). */
  readonly configFile: string | null;
  readonly tools: ToolRunner;
}

/** For a link that is dead. */
const closeWithinMs = 5_000;
/** A link that is dead is noticed after a minute. */
const alive = ['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=4', '-o', 'ConnectTimeout=20'];

const cannotLogIn = (place: string, said: string): RefusedError =>
  new RefusedError(
    refusal('tool.failed', `Cannot log in on ${place}: ${said === '' ? 'ssh says nothing' : said}`, {
      remedy: `Look at what \`ssh ${place}\` says; keys, ports and the like belong into ~/.ssh/config.`,
    }),
  );

/** Ends with our end of its input, however we end, and the login with it. A host may have no program but its shell. */
const untilInputEnds = `exec sh -c 'while read -r _; do :; done'`;

/** Waits until the way there is open. ssh(1) asks for what it needs to know at the terminal. */
async function waitOpen(master: ChildProcess, words: readonly string[], signal: AbortSignal): Promise<boolean> {
  while (master.exitCode === null && master.signalCode === null) {
    signal.throwIfAborted();
    const check = spawn('ssh', [...words.slice(0, -2), '-O', 'check', ...words.slice(-2)], { stdio: 'ignore' });
    const [code] = (await once(check, 'close')) as [number | null];
    if (code === 0) return true;
    await sleep(100);
  }
  return false;
}

/** Logs in once; everything else goes through that (ControlMaster in ssh_config(5)). */
export async function openSshSession(
  { address, configFile, tools }: SshOptions,
  signal: AbortSignal,
): Promise<SshSession> {
  const { user, host, port } = address;
  const folder = await mkdtemp(join(tmpdir(), 'drover-ssh-'));
  const words = [
    ...(configFile === null ? [] : ['-F', configFile]),
    ...['-T', '-S', join(folder, 'way'), ...alive],
    ...(user === null ? [] : ['-l', user]),
    ...(port === null ? [] : ['-p', String(port)]),
    ...['--', host],
  ];
  const master = spawn('ssh', ['-M', ...words, untilInputEnds], { stdio: ['pipe', 'ignore', 'pipe'] });
  master.stdin.on('error', () => undefined);
  let said = '';
  master.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  const ended = new Promise<void>((resolve) => {
    master.once('close', () => resolve());
    master.once('error', () => resolve());
  });
  const close = async (): Promise<void> => {
    master.stdin.end();
    const timer = setTimeout(() => master.kill(), closeWithinMs);
    await ended;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await once(master, 'spawn');
    if (!(await waitOpen(master, words, signal))) {
      await ended;
      throw cannotLogIn(placeOf(address), said.trim());
    }
  } catch (error) {
    await close();
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? noSsh : error;
  }
  return {
    command: (line) => ['ssh', ...words, line],
    run: async (line, options) => (await tools.run('ssh', [...words, line], options)).stdout,
    close,
  };
}

const noSsh = new RefusedError(
  refusal('tool.missing', 'The program ssh is not installed.', { remedy: 'Install it: apt install openssh-client' }),
);
