import { createRequire } from 'node:module';
import { UsageError, flagOption, type Cli } from './command.js';
import { commands, groups } from './commands/index.js';
import { readEnvironment } from './environment.js';
import { CommanderError, createProgram, type Invocation } from './program.js';
import { safeText } from './terminal/format.js';
import { processIo, type Io } from './terminal/io.js';

const interrupted = 130;
const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** What the SDK throws, known by its shape so that quick commands need not load it. */
interface ProblemError extends Error {
  readonly exitCode: number;
  readonly problem: {
    readonly code: string;
    readonly title: string;
    readonly detail: string;
    readonly remedy?: string;
    readonly errors?: readonly { field: string; message: string; remedy?: string }[];
    readonly conflicts?: readonly string[];
    readonly requestId?: string;
  };
}

const isProblem = (error: unknown): error is ProblemError =>
  error instanceof Error && 'problem' in error && 'exitCode' in error;

const showProblem = (io: Io, { problem }: ProblemError): void => {
  const say = (text: string): void => io.err(`${safeText(text)}\n`);
  say(`drover: ${problem.detail}`);
  for (const { field, message, remedy } of problem.errors ?? []) {
    // What the sentence above says already is not said twice.
    const isSaid = problem.detail.includes(field) && problem.detail.includes(message);
    if (!isSaid) say(`  ${field}: ${message}${remedy === undefined || remedy === problem.remedy ? '' : ` ${remedy}`}`);
  }
  if (problem.remedy !== undefined) say(problem.remedy);
  if (problem.code === 'server.fault' && problem.requestId !== undefined) io.err(`Request id: ${problem.requestId}\n`);
};

/** What went wrong here in the shape of what a server would refuse with. */
const asProblem = async (
  code: 'request.invalid' | 'client.failed',
  detail: string,
  remedy: string | undefined,
): Promise<object> => {
  const { problemOf, refusal } = await import('@drover/contract');
  return problemOf(refusal(code, detail, remedy === undefined ? {} : { remedy }));
};

/** What a person can do about what the system refuses (errno(3)). */
const systemRemedies: Readonly<Record<string, string>> = {
  ENOENT: 'Check how it is written, and that it is there.',
  ENOTDIR: 'Check how it is written: a part of it is no folder.',
  EISDIR: 'Name a file: this is a folder.',
  EEXIST: 'Name another one, or take it away first.',
  EACCES: 'Run it as a user who may do that, or with sudo.',
  EPERM: 'Run it as a user who may do that, or with sudo.',
  EROFS: 'Name a place that can be written to.',
  ENOSPC: 'Make room on that disk, or name a place on another one.',
  EDQUOT: 'Make room, or ask for a larger quota.',
  EMFILE: 'Let more files be open at once: ulimit -n 4096.',
  EADDRINUSE: 'Name another port, or end the program that has it: ss -ltnp.',
  EBUSY: 'End what uses it.',
};

const remedyOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return (
    systemRemedies[code] ?? 'If you think that this is a fault of drover, report it with these lines and the command.'
  );
};

/** What the system refuses names the call and the path; of a mistake of ours the place is wanted too. */
const explained = (error: Error): string => ('syscall' in error ? error.message : (error.stack ?? error.message));

/** Says what went wrong, on standard error for people, on standard output for `--json`; gives the exit code. */
const report = async (io: Io, json: boolean, error: unknown): Promise<number> => {
  if (isProblem(error)) {
    if (json) io.out(`${JSON.stringify(error.problem)}\n`);
    showProblem(io, error);
    return error.exitCode;
  }
  if (error instanceof UsageError) {
    if (json) io.out(`${JSON.stringify(await asProblem('request.invalid', error.message, error.remedy))}\n`);
    io.err(`drover: ${error.message}\n${error.remedy === undefined ? '' : `${error.remedy}\n`}`);
    return 2;
  }
  const detail = error instanceof Error ? explained(error) : String(error);
  const remedy = remedyOf(error);
  if (json) io.out(`${JSON.stringify(await asProblem('client.failed', detail, remedy))}\n`);
  io.err(`drover: ${safeText(detail)}\n${remedy}\n`);
  return 1;
};

/** The first Ctrl-C asks the command to end, the second ends it. */
const interruptible = (): { signal: AbortSignal; dispose: () => void } => {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(interrupted);
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
};

const run = async (io: Io, cli: Omit<Cli, 'signal'>, { load, args }: Invocation): Promise<number> => {
  const { signal, dispose } = interruptible();
  try {
    const action = await load();
    return (await action({ ...cli, signal }, args)) ?? 0;
  } catch (error) {
    if (signal.aborted) return interrupted;
    return report(io, cli.json, error);
  } finally {
    dispose();
  }
};

/** A reader that went away (`drover device list | head -1`) is no mistake. */
const endQuietlyOnClosedPipe = (): void => {
  // Progress that nobody reads any more stops no work.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
};

/** Runs one command line (without `node` and the script) and gives its exit code. */
export const main = async (argv: readonly string[]): Promise<number> => {
  const environment = readEnvironment();
  const io = processIo(environment.color, environment.isDumb);
  endQuietlyOnClosedPipe();
  let asked: Invocation | undefined;
  const program = createProgram(version, io, (invocation) => {
    asked = invocation;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      const detail = error.message.replace(/^error: /, '');
      if (argv.includes('--json'))
        io.out(`${JSON.stringify(await asProblem('request.invalid', detail, 'See --help.'))}\n`);
      return 2;
    }
    throw error;
  }
  if (asked === undefined) return 2;
  const { options } = asked;
  return run(io, { io, environment, options, json: flagOption(options, 'json'), table: { commands, groups } }, asked);
};
