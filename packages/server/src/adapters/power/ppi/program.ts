import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { PowerFault } from '../driver.js';

export interface ProgramEnd {
  /** Null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** It was ended by us, as it had printed more than it may. */
  readonly tooMuch: boolean;
}

/** Bytes of each output. */
const outputLimit = 4096;
/** A program that has ended may have left a child that holds its output open: what it says is not waited for any longer. */
const graceMs = 500;
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Ends the program and all that it started, as far as that stayed in its group. */
function killGroup({ pid }: Child): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // They have ended already.
  }
}

const startFault = (program: string, { code, message }: NodeJS.ErrnoException): PowerFault => {
  const why = code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be run' : `does not start: ${message}`;
  return new PowerFault(`${program} ${why}`, 'Mend program or config of the driver in the settings.');
};

interface Output {
  readonly text: () => string;
  readonly tooMuch: () => boolean;
}

function gather(stream: Readable, onTooMuch: () => void): Output {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size <= outputLimit) chunks.push(chunk.subarray(0, outputLimit + 1 - size));
    size += chunk.length;
    if (size > outputLimit) onTooMuch();
  });
  return { text: () => Buffer.concat(chunks).toString('utf8'), tooMuch: () => size > outputLimit };
}

/** Runs a program without a shell and with no environment but a search path; it is killed with its children when the signal is aborted. */
export const runProgram = (
  program: string,
  args: readonly string[],
  { input, cwd, signal }: { readonly input: string; readonly cwd: string; readonly signal: AbortSignal },
): Promise<ProgramEnd> =>
  new Promise((resolve, reject) => {
    const child: Child = spawn(program, args, { cwd, env: { PATH: path }, detached: true, stdio: 'pipe' });
    const kill = () => killGroup(child);
    const stdout = gather(child.stdout, kill);
    const stderr = gather(child.stderr, kill);
    let grace: NodeJS.Timeout | undefined;
    let ended: number | null = null;
    const finish = () => {
      clearTimeout(grace);
      signal.removeEventListener('abort', kill);
      child.stdout.destroy();
      child.stderr.destroy();
      const tooMuch = stdout.tooMuch() || stderr.tooMuch();
      resolve({ code: ended, stdout: stdout.text(), stderr: stderr.text(), tooMuch });
    };
    child.once('error', (fault) => {
      signal.removeEventListener('abort', kill);
      reject(startFault(program, fault));
    });
    child.once('exit', (code) => {
      ended = code;
      grace = setTimeout(finish, graceMs);
    });
    child.once('close', finish);
    // A program that ends before it has read everything is judged by what it says.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    signal.addEventListener('abort', kill, { once: true });
  });
