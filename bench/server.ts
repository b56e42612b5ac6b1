import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient, type Client } from '@drover/sdk';
import { stringify } from 'yaml';

const cli = fileURLToPath(new URL('../packages/cli/bin/drover.js', import.meta.url));

/** The built server on free loopback ports, with a data folder of its own. */
export interface BenchServer {
  readonly client: Client;
  readonly dataDir: string;
  /** Pid of the supervisor: both planes are below it. */
  readonly pid: number;
  readonly bootUrl: string;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** `cpu`: core the server is pinned to. `settings` are merged over the bench's own at the top level. */
export async function startBenchServer(
  options: { cpu?: number; settings?: Record<string, unknown>; base?: string } = {},
): Promise<BenchServer> {
  const dataDir = mkdtempSync(join(options.base ?? tmpdir(), 'drover-bench-'));
  const [api, boot, tftp] = [await freePort(), await freePort(), await freePort()];
  const file = join(dataDir, 'settings.yaml');
  writeFileSync(
    file,
    stringify({
      dataDir,
      http: { listen: [`127.0.0.1:${api}`] },
      boot: {
        interfaces: ['127.0.0.1'],
        http: { listen: [`127.0.0.1:${boot}`] },
        dhcp: { mode: 'off' },
        tftp: { port: tftp },
        nbd: { listen: [`127.0.0.1:${await freePort()}`] },
      },
      log: { level: 'warn' },
      helpers: { cacheDir: '/var/cache/drover-lab/helpers' },
      ...options.settings,
    }),
  );
  const pin = options.cpu === undefined ? [] : ['taskset', '-c', String(options.cpu)];
  const [program = '', ...args] = [...pin, process.execPath, cli, 'serve', '--config', file];
  const server = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, HOME: dataDir },
  });
  const url = `http://127.0.0.1:${api}`;
  for (let waited = 0; (await fetch(`${url}/readyz`).catch(() => undefined))?.ok !== true; waited += 100) {
    if (waited > 60_000 || server.exitCode !== null) throw new Error('the server does not start');
    await sleep(100);
  }
  return {
    client: createClient({ baseUrl: url, key: readFileSync(join(dataDir, 'admin.key'), 'utf8').trim() }),
    dataDir,
    pid: server.pid ?? 0,
    bootUrl: `http://127.0.0.1:${boot}`,
    async stop() {
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
