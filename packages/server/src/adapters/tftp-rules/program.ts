import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Readable } from 'node:stream';
import type { Log } from '../../app/ports.js';
import type { Collected } from '../../app/boot/plane/ports.js';
import type { RuleWork } from '../../domain/tftp-rules.js';
import type { Spool } from './spool.js';

/** What to start for a program with its arguments: itself, or something that becomes it. */
export type CommandLine = (program: string, args: readonly string[]) => Promise<[program: string, args: string[]]>;

interface ProgramOptions {
  readonly spool: Spool;
  readonly signal: AbortSignal;
  readonly client: string;
  readonly commandLine: CommandLine;
  readonly log: Log;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Bytes of what it writes to its standard error that are logged. */
const mostSaid = 4096;

/** Runs a program for one file, without a shell. Undefined: it ended well, and the spool has what it wrote to its standard output. */
export async function runProgram(
  { program, args }: Extract<RuleWork, { kind: 'program' }>,
  { spool, signal, client, commandLine, log }: ProgramOptions,
): Promise<Collected | undefined> {
  const name = basename(program);
  if (!(await isProgram(program))) return failed(`${name} is no program that the user of the server may run`);
  const [command, words] = await commandLine(program, args);
  if (signal.aborted) return failed('it is not wanted any more');
  const child = spawn(command, words, {
    cwd: '/',
    env: { PATH: searchPath, DROVER_CLIENT: client },
    stdio: ['ignore', 'pipe', 'pipe'],
    // With a process group of its own, so that what it starts ends with it.
    detached: true,
  });
  const said = listen(child);
  try {
    return await judge(name, child, { spool, signal });
  } finally {
    if (said() !== '') log.warn({ program, client, said: said() }, 'a program of a TFTP rule complained');
  }
}

const failed = (reason: string): Collected => ({ kind: 'failed', reason });

const isProgram = async (path: string): Promise<boolean> => {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
};

/** The beginning of what it says: all of it is read, so that it never waits for us. */
function listen({ stderr }: Child): () => string {
  let text = Buffer.alloc(0);
  stderr.on('data', (chunk: Buffer) => {
    if (text.length < mostSaid) text = Buffer.concat([text, chunk]).subarray(0, mostSaid);
  });
  stderr.on('error', () => undefined);
  return () => text.toString('utf8').trim();
}

async function judge(
  name: string,
  child: Child,
  { spool, signal }: Pick<ProgramOptions, 'spool' | 'signal'>,
): Promise<Collected | undefined> {
  const closed = once(child, 'close') as Promise<[code: number | null, by: NodeJS.Signals | null]>;
  // Waited for below, unless something else goes wrong first.
  closed.catch(() => undefined);
  const stop = (): void => {
    endGroup(child);
    // Somebody who left the group may hold the other ends.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  // What it leaves behind ends with it, and gives up the outputs.
  child.once('exit', () => endGroup(child));
  try {
    const full = await pour(child.stdout, spool);
    if (full !== undefined) stop();
    const [code, by] = await closed;
    if (full !== undefined) return full;
    if (signal.aborted) return failed('it is not wanted any more');
    return code === 0 ? undefined : failed(`${name} ended with ${by ?? String(code)}`);
  } catch (error) {
    stop();
    const { code } = error as NodeJS.ErrnoException;
    if (child.pid === undefined && code !== undefined) return failed(`${name} could not be started (${code})`);
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function pour(output: Readable, spool: Spool): Promise<Collected | undefined> {
  try {
    for await (const chunk of output) {
      const full = await spool.write(chunk as Uint8Array);
      if (full !== undefined) return full;
    }
  } catch (error) {
    // It was cut off by us, because nobody waits for it any more.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
  return undefined;
}

function endGroup({ pid }: Child): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}
