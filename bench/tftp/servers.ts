import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cached } from '../../e2e/inputs/cache.js';
import { run } from '../../e2e/inputs/run.js';
import { cpuMeter } from './cpu-meter.js';

/** A TFTP server that is running, pinned to a core. */
export interface Server {
  readonly name: string;
  readonly port: number;
  /** CPU time so far, with that of all it has started. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

export const host = '127.0.0.1';

/** `root` is a folder that holds the file `f`. */
export interface ServerOptions {
  readonly core: number;
  readonly root: string;
}

/**
 * tftpd-hpa and atftpd replace each other under apt, so both are unpacked beside each other and run from there, with the
 * one library they share that a machine may lack.
 */
function unpackPeers(): Promise<string> {
  return cached({
    name: 'tftp-peers',
    code: [],
    needs: [process.arch],
    build: async (dir) => {
      await run(['apt-get', 'download', 'tftpd-hpa', 'atftpd', 'libwrap0'], { cwd: dir });
      await run(['sh', '-ec', 'for package in *.deb; do dpkg -x "$package" .; rm "$package"; done'], { cwd: dir });
    },
  });
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, host);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Waits until a request for a file that is not there is answered. */
async function answers(port: number): Promise<void> {
  const socket = createSocket('udp4').bind(0, host);
  let answered = false;
  socket.on('message', () => (answered = true));
  for (let tries = 0; !answered; tries += 1) {
    if (tries > 100) throw new Error(`no TFTP server answers on port ${port}`);
    socket.send('\0\x01is-anyone-there\0octet\0', port, host);
    await sleep(100);
  }
  socket.close();
}

async function start(name: string, core: number, command: readonly string[], env: Record<string, string> = {}) {
  const meter = cpuMeter(name);
  const [program = '', ...args] = [...meter.prefix, 'taskset', '-c', String(core), ...command];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } });
  const ended = once(child, 'exit');
  return {
    name,
    cpuSeconds: () => meter.seconds(child.pid ?? 0),
    async stop() {
      child.kill('SIGTERM');
      await ended;
      // Children it left behind end by themselves; their group can go when they have.
      await sleep(200);
      meter.remove();
    },
  };
}

async function startDrover({ core, root }: ServerOptions): Promise<Server> {
  const port = await freePort();
  const main = fileURLToPath(new URL('./server.ts', import.meta.url));
  const node = [process.execPath, '--conditions=drover-source', '--import', 'tsx', main];
  return { ...(await start('Drover', core, [...node, host, String(port), join(root, 'f')])), port };
}

async function startDnsmasq({ core, root }: ServerOptions): Promise<Server> {
  // It knows no other port for TFTP than 69.
  const options = ['--enable-tftp', `--tftp-root=${root}`, '--tftp-max=300', `--listen-address=${host}`];
  const plain = [
    '-k',
    '-p',
    '0',
    '-C',
    '/dev/null',
    '--bind-interfaces',
    '--user=root',
    '--pid-file=',
    '--log-facility=/dev/null',
  ];
  return { ...(await start('dnsmasq', core, ['dnsmasq', ...plain, '-q', ...options, '--quiet-tftp'])), port: 69 };
}

async function startTftpdHpa({ core, root }: ServerOptions, peers: string): Promise<Server> {
  const port = await freePort();
  const program = join(peers, 'usr/sbin/in.tftpd');
  const args = ['-L', '--address', `${host}:${port}`, '--user', 'root', '--secure', root];
  return { ...(await start('tftpd-hpa', core, [program, ...args], libraries(peers))), port };
}

async function startAtftpd({ core, root }: ServerOptions, peers: string): Promise<Server> {
  const port = await freePort();
  const program = join(peers, 'usr/sbin/atftpd');
  const args = ['--daemon', '--no-fork', '--bind-address', host, '--port', String(port), '--maxthread', '300'];
  const quiet = ['--user', 'root.root', '--verbose=0', '--logfile', '/dev/null'];
  return { ...(await start('atftpd', core, [program, ...args, ...quiet, root], libraries(peers))), port };
}

/** The folder of the unpacked libraries, whatever the machine's architecture calls it. */
const libraries = (peers: string): Record<string, string> => ({
  LD_LIBRARY_PATH: ['x86_64', 'aarch64', 'arm']
    .map((cpu) => `${peers}/usr/lib/${cpu}-linux-gnu${cpu === 'arm' ? 'eabihf' : ''}`)
    .join(':'),
});

/** Starts Drover and its peers, Drover first, and waits until each answers. */
export async function startServers(options: ServerOptions): Promise<Server[]> {
  const peers = await unpackPeers();
  const started: Server[] = [];
  try {
    started.push(await startDrover(options));
    started.push(await startDnsmasq(options));
    started.push(await startTftpdHpa(options, peers));
    started.push(await startAtftpd(options, peers));
    for (const { port } of started) await answers(port);
    return started;
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()));
    throw error;
  }
}
