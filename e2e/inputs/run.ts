import { spawn } from 'node:child_process';

export interface RunOptions {
  /** Bytes for standard input; nothing by default. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that count as success; `[0]` by default. */
  readonly okCodes?: readonly number[];
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const shownOutput = 4_000;

/**
 * Runs a program to its end and collects what it prints.
 * Throws an Error that names the command, its exit code and the end of its output when the code is not in `okCodes`.
 */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error('run: argv is empty');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    // A program that does not read its input to the end is no fault of ours; its exit code says what it thinks.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    child.on('error', (error) => reject(new Error(`${program}: ${error.message}`)));
    child.on('close', (exitCode, signal) => {
      const code = exitCode ?? -1;
      const stdout = Buffer.concat(out).toString();
      const stderr = Buffer.concat(err).toString();
      if ((options.okCodes ?? [0]).includes(code)) return resolve({ code, stdout, stderr });
      const said = (stderr + stdout).slice(-shownOutput);
      reject(new Error(`${argv.join(' ')}: ended with ${signal ?? code}\n${said}`));
    });
  });
}
