import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An NBD server that is not ours: qemu-nbd with one export, on the host's loopback. */
export interface NbdServer {
  readonly port: number;
  readonly name: string;
  /** kill -9, and nothing listens until {@link start}. */
  kill(): Promise<void>;
  /** Listens again, at the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface NbdServerOptions {
  readonly file: string;
  readonly format: 'raw' | 'qcow2';
  readonly readOnly?: boolean;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const answered = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return answered;
}

export async function startNbdServer({ file, format, readOnly = false }: NbdServerOptions): Promise<NbdServer> {
  const port = await freePort();
  const name = 'root-of-the-board';
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const access = readOnly ? ['--read-only'] : [];
    child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', 'qemu-nbd', '--persistent', '--shared=0', ...access, `--format=${format}`],
        ...[`--export-name=${name}`, '--bind=127.0.0.1', `--port=${port}`, file],
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    while (!(await listens(port))) {
      if (child.exitCode !== null) throw new Error('qemu-nbd does not start');
      await sleep(50);
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  await start();
  return { port, name, start, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') };
}
