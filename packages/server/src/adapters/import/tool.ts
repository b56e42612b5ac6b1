import { spawn } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import { notFoundCode, tiedToUs } from './tied.js';

const outputLimit = 4 << 20;
const messageLimit = 4096;

const packages: Readonly<Record<string, string>> = {
  tar: 'tar',
  fakeroot: 'fakeroot',
  'mkfs.vfat': 'dosfstools',
  mcopy: 'mtools',
  mke2fs: 'e2fsprogs',
  filefrag: 'e2fsprogs',
  sfdisk: 'fdisk',
  du: 'coreutils',
};

export interface ToolRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  /** What it works on, to begin a sentence with: `The tar of the root`. */
  readonly subject: string;
  /** A text, or a file that it reads from where it stands. */
  readonly input?: string | FileHandle;
}

interface Ended {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly output: string;
  readonly message: string;
}

const carryOut = async ({ command, args, signal, input }: ToolRun): Promise<Ended> => {
  const [program, words] = await tiedToUs(command, args);
  const stdin = typeof input === 'object' ? input.fd : input === undefined ? 'ignore' : 'pipe';
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      signal,
      stdio: [stdin, 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', MTOOLS_SKIP_CHECK: '1' },
    });
    let output = '';
    let message = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(0, outputLimit);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      message = (message + text).slice(-messageLimit);
    });
    child.once('error', reject);
    child.once('close', (code, killedBy) => resolve({ code, killedBy, output, message: message.trim() }));
    // A program that ends before it read all of it is judged by its exit code.
    child.stdin?.on('error', () => undefined);
    if (typeof input === 'string') child.stdin?.end(input);
  });
};

/**
 * Runs a program without a shell, and gives what it wrote. It ends with us, however we end. Throws RefusedError: tool.missing when it is not there,
 * storage.full, and image.broken with its own words when it fails.
 */
export const runTool = async (run: ToolRun): Promise<string> => {
  const { command, signal, subject } = run;
  const ended = await carryOut(run).catch((fault: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    throw fault.code === 'ENOENT' ? missing(command) : fault;
  });
  signal.throwIfAborted();
  if (ended.code === 0) return ended.output;
  if (ended.code === notFoundCode) throw missing(command);
  const why = ended.message || `${command} ended with ${ended.code ?? ended.killedBy ?? 'no status'}`;
  if (/no space left on device/i.test(why)) throw full();
  throw new RefusedError(
    refusal('image.broken', `${subject} cannot be used: ${why.slice(-1000)}`, {
      remedy: 'Hand over a plain or compressed tar of the boot files and one of the root file system.',
    }),
  );
};

const missing = (command: string) =>
  new RefusedError(
    refusal('tool.missing', `The program ${command} is not installed.`, {
      remedy: `Install it: apt-get install ${packages[command] ?? command}`,
    }),
  );

const full = () =>
  new RefusedError(refusal('storage.full', 'The data folder is full.', { remedy: 'Free space or move dataDir.' }));
