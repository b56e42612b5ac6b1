import { spawn } from 'node:child_process';
import { createTranscript, type Transcript } from './transcript.js';

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LabProcess {
  readonly pid: number;
  /** Standard output and error together. */
  readonly console: Transcript;
  /** Writes to standard input: what a guest reads from its serial line. */
  send(text: string): void;
  /** Settles when the program has ended; never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /** Asks with SIGTERM, insists with SIGKILL after `graceMs` (5000), and waits for the end. */
  stop(graceMs?: number): Promise<ProcessEnd>;
  /** SIGKILL at once, as a crash has it. */
  kill(): Promise<ProcessEnd>;
}

export interface SpawnOptions {
  /** Name of the network namespace to run in. */
  readonly netns: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** How messages call it; the program's name by default. */
  readonly name?: string;
}

/**
 * Starts a program in a network namespace. It dies with us, however we end (the parent-death signal), and its pid is
 * the program's own: setpriv and `ip netns exec` replace themselves.
 */
export async function spawnInNamespace(argv: readonly string[], options: SpawnOptions): Promise<LabProcess> {
  const name = options.name ?? argv[0] ?? 'program';
  const wrapper = ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', options.netns];
  const child = spawn('setpriv', [...wrapper, ...argv], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const transcript = createTranscript(name);
  child.stdout.on('data', (chunk: Buffer) => transcript.append(chunk));
  child.stderr.on('data', (chunk: Buffer) => transcript.append(chunk));
  // Writing to a program that has just ended is answered by its end, not by an error of the pipe.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => {
      transcript.close(`it ended with ${signal ?? code}`);
      resolve({ code, signal });
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', () => resolve());
    child.once('error', reject);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name}: no pid`);
  return {
    pid,
    console: transcript,
    send: (text) => void child.stdin.write(text),
    ended,
    async stop(graceMs = 5_000) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const end = await ended;
      clearTimeout(timer);
      return end;
    },
    kill() {
      child.kill('SIGKILL');
      return ended;
    },
  };
}
