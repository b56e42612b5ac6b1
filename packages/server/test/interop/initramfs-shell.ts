import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { chown, cp, lchown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder `device` of this checkout. */
export const deviceFolder = fileURLToPath(new URL('../../../../device', import.meta.url));

export interface ShellResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A board's shell: busybox with nothing but its own programs in reach and no rights, and a folder in place of the board. */
export interface BoardShell {
  readonly dir: string;
  /** A copy of the runtime that a user without rights can read, wherever the checkout is. */
  readonly device: string;
  /** State folder of the runtime. */
  readonly run: string;
  /** A root file system to work on. */
  readonly root: string;
  /** Puts files below {@link root}; a text that starts with `-> ` makes a symbolic link. */
  tree(files: Readonly<Record<string, string>>): Promise<void>;
  /** Runs a script after the given parts of the runtime were sourced. */
  sh(script: string, parts?: readonly string[], env?: Readonly<Record<string, string>>): Promise<ShellResult>;
  /** Runs a program of the runtime. */
  exec(path: string, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<ShellResult>;
  dispose(): Promise<void>;
}

/** nobody */
const powerless = 65_534;
const isRoot = process.getuid?.() === 0;

/**
 * The scripts under test set addresses, clocks and routes, load modules and reboot. They run without any right, because a fake
 * program cannot be trusted to stand in for the real one: Debian's busybox shell takes its own `ip` or `date` before any other in
 * the path. A test that wants to see such a call replaces it with a shell function.
 */
const withoutRights = isRoot
  ? [
      '/usr/bin/setpriv',
      ...[`--reuid=${powerless}`, `--regid=${powerless}`, '--clear-groups', '--no-new-privs'],
      ...['--inh-caps=-all', '--bounding-set=-all', '/bin/busybox'],
    ]
  : ['/bin/busybox'];

function runBusybox(args: readonly string[], env: Readonly<Record<string, string>>): Promise<ShellResult> {
  const [program = '', ...wrapper] = withoutRights;
  const child = spawn(program, [...wrapper, ...args], {
    env: { PATH: '/usr/bin:/bin', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
}

export async function createBoardShell(): Promise<BoardShell> {
  const dir = await mkdtemp(join(tmpdir(), 'drv-board-'));
  const at = (name: string) => join(dir, name);
  for (const name of ['applets', 'run', 'root', 'sys/class/net']) await mkdir(at(name), { recursive: true });
  if (isRoot) for (const name of ['.', 'applets', 'run', 'root']) await chown(at(name), powerless, powerless);
  await runBusybox(['--install', '-s', at('applets')], {});
  await cp(deviceFolder, at('device'), { recursive: true });
  const own = async (file: string): Promise<void> => {
    if (isRoot) await lchown(file, powerless, powerless);
  };
  for (const name of ['queue', 'log']) {
    await writeFile(at(`run/${name}`), '');
    await own(at(`run/${name}`));
  }
  const path = at('applets');
  const prelude = `run=${at('run')} lib=${at('device/lib')} sys=${at('sys')} root=${at('root')}\n`;
  return {
    ...{ dir, device: at('device'), run: at('run'), root: at('root') },
    tree: async (files) => {
      for (const [name, text] of Object.entries(files)) {
        const file = join(at('root'), name);
        await mkdir(dirname(file), { recursive: true });
        if (text.startsWith('-> ')) await symlink(text.slice(3), file);
        else await writeFile(file, text);
        for (let each = file; each !== at('root'); each = dirname(each)) await own(each);
      }
    },
    sh: (script, parts = ['base'], env = {}) => {
      const sourced = parts.map((part) => `. "$lib/${part}.sh"\n`).join('');
      return runBusybox(['sh', '-uc', `${prelude}${sourced}${script}`], { PATH: path, ...env });
    },
    exec: (program, args, env = {}) => runBusybox(['sh', program, ...args], { PATH: path, ...env }),
    // What a script left running may still write there.
    dispose: () => rm(dir, { recursive: true, force: true, maxRetries: 10 }),
  };
}

export interface LoopbackServer {
  readonly url: string;
  close(): Promise<void>;
}

/** An HTTP server on loopback that hands each request with its body to `handle`. */
export async function createLoopbackServer(
  handle: (request: IncomingMessage, body: string, response: ServerResponse) => void,
): Promise<LoopbackServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handle(request, Buffer.concat(chunks).toString(), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
