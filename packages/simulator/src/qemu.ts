/** Runs QEMU as a child and streams its serial console line by line. */
import { spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';

export interface QemuRun {
  /** Program and arguments; `ip netns exec NAME` may stand in front. */
  readonly command: readonly [string, ...string[]];
  readonly onLine?: (line: string) => void;
}

export interface QemuExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly ms: number;
  /** The kernel said it powers down or halts, rather than restarts. */
  readonly poweredOff: boolean;
  /** Last lines QEMU itself wrote to standard error. */
  readonly errors: string;
}

const longestLine = 16_384;
const keptErrors = 4_096;
const killAfterMs = 5_000;
/** As shells and util-linux say that there is no such program. */
const notFound = 127;

/**
 * A guest ends with whoever started it, however that one ended: prctl(2), PR_SET_PDEATHSIG. Without this, a simulator that is killed leaves an
 * emulated board that runs for ever.
 */
const tied = (command: readonly string[]): [string, ...string[]] =>
  process.platform === 'linux'
    ? ['setpriv', '--pdeathsig', 'KILL', ...command]
    : [command[0] ?? '', ...command.slice(1)];

/** Every Debian has it; a small container may not. */
const remedyOf = (program: string): string => (program === 'setpriv' ? ': it comes with util-linux' : '');

/** Splits a byte stream into lines without carriage returns; a line that does not end is cut. */
export const lineSplitter = (onLine: (line: string) => void) => {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  const flush = (): void => {
    if (rest !== '') onLine(rest.replace(/\r/g, ''));
    rest = '';
  };
  return {
    write: (chunk: Buffer): void => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line.replace(/\r/g, ''));
      if (rest.length > longestLine) flush();
    },
    end: flush,
  };
};

/**
 * Runs it to its end. An aborted signal ends it, first gently.
 * @throws Error when the program cannot be started.
 */
export const runQemu = ({ command, onLine }: QemuRun, signal?: AbortSignal): Promise<QemuExit> =>
  new Promise((resolve, reject) => {
    const started = performance.now();
    const [program, ...args] = tied(command);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let poweredOff = false;
    let errors = '';
    const console = lineSplitter((line) => {
      poweredOff ||= /reboot: (Power down|System halted)/.test(line);
      onLine?.(line);
    });
    let forced: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill('SIGTERM');
      forced = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    };
    child.stdout.on('data', (chunk: Buffer) => console.write(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-keptErrors);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      signal?.removeEventListener('abort', stop);
      reject(error.code === 'ENOENT' ? new Error(`${program} is not installed${remedyOf(program)}`) : error);
    });
    child.once('close', (code, exitSignal) => {
      clearTimeout(forced);
      signal?.removeEventListener('abort', stop);
      console.end();
      if (code === notFound) reject(new Error(`${command[0]} cannot be started: ${errors.trim()}`));
      resolve({ code, signal: exitSignal, ms: Math.round(performance.now() - started), poweredOff, errors });
    });
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });
