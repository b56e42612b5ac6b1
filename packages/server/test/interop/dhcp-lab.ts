import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { decodeDhcp, type DhcpMessage, type Lease } from '@drover/protocols/dhcp';
import type { DhcpEvent } from '../../src/listeners/dhcp/index.js';
import type { ChildConfig } from './dhcp-child.js';
import { corpus } from './dhcp-corpus.js';

const run = promisify(execFile);

/** Addresses of the lab. The router and the client are hosts of their own on the server's bridge. */
export const serverAddress = '10.77.0.1';
export const routerAddress = '10.77.0.254';
const clientAddress = '10.77.0.101';

export type Host = 'server' | 'client' | 'router';

export interface Program {
  readonly child: ChildProcess;
  /** Everything it has printed. */
  output(): string;
  /** Waits until the output matches. */
  says(pattern: RegExp): Promise<string>;
  end(): Promise<void>;
}

export interface Drover extends Program {
  readonly events: DhcpEvent[];
  readonly leases: Lease[];
}

export interface DhcpLab {
  /** `ip` on a host. */
  ip(host: Host, ...args: readonly string[]): Promise<void>;
  /** Runs a program on a host until the lab closes. */
  start(host: Host, program: string, args: readonly string[]): Program;
  dnsmasq(host: Host, ...args: readonly string[]): Promise<Program>;
  drover(config: ChildConfig): Promise<Drover>;
  /** The boot plane with default settings on the server, without a control plane. */
  bootPlane(dataDir: string): Program;
  /** Sends messages of the corpus from the client and gives the answers. */
  ask(listenMs: number, ...messages: readonly string[]): Promise<{ from: string; message: DhcpMessage }[]>;
  /** busybox udhcpc on the client, which configures the address it gets. */
  udhcpc(...args: readonly string[]): Program;
  /** Ends all programs that still run, so that none answers in the next test. */
  endAll(): Promise<void>;
  close(): Promise<void>;
}

/** Three network namespaces: a server with a bridge, a client and a router. Needs root and iproute2. */
export async function dhcpLab(): Promise<DhcpLab> {
  const id = randomBytes(2).toString('hex');
  const space = (host: Host): string => `drv-dhcp-${id}-${host}`;
  const programs: Program[] = [];
  const folder = await mkdtemp(join(tmpdir(), 'drover-dhcp-'));
  const ip = (...args: string[]) => run('ip', args);

  const endAll = async (): Promise<void> => void (await Promise.all(programs.map((program) => program.end())));

  const close = async (): Promise<void> => {
    await endAll();
    for (const host of ['server', 'client', 'router'] as const) {
      await ip('netns', 'del', space(host)).catch(() => undefined);
    }
    await rm(folder, { recursive: true, force: true });
  };

  const start = (host: Host, program: string, args: readonly string[]): Program => {
    const started = watched(spawn('ip', ['netns', 'exec', space(host), program, ...args], { stdio: 'pipe' }));
    programs.push(started);
    return started;
  };

  try {
    await build(ip, space);
    await writeFile(join(folder, 'configure'), configureScript, { mode: 0o755 });
  } catch (error) {
    await close();
    throw error;
  }

  const node = (host: Host, file: string, args: readonly string[]): Program => {
    const path = fileURLToPath(new URL(file, import.meta.url));
    return start(host, process.execPath, ['--conditions=drover-source', '--import', 'tsx', path, ...args]);
  };

  return {
    start,
    endAll,
    close,
    ip: async (host, ...args) => void (await ip('-n', space(host), ...args)),
    async dnsmasq(host, ...args) {
      const leases = join(folder, `leases-${programs.length}`);
      const common = ['-d', '-p', '0', '-C', '/dev/null', '--pid-file=', `--dhcp-leasefile=${leases}`, '--no-ping'];
      const started = start(host, 'dnsmasq', [...common, '--log-dhcp', ...args]);
      await started.says(/started, version/);
      return started;
    },
    async drover(config) {
      const started = node('server', './dhcp-child.ts', [JSON.stringify(config)]);
      const events: DhcpEvent[] = [];
      const leases: Lease[] = [];
      createInterface({ input: started.child.stdout! }).on('line', (line) => {
        const { event, lease } = JSON.parse(line) as { event?: DhcpEvent; lease?: Lease };
        if (event) events.push(event);
        if (lease) leases.push(lease);
      });
      await started.says(/"(ready|failed)"/);
      return { ...started, events, leases };
    },
    bootPlane: (dataDir) => node('server', './boot-plane-child.ts', [dataDir]),
    async ask(listenMs, ...messages) {
      // The kernel takes no unicast from a host without address, and the PXE port is asked by unicast.
      await ip('-n', space('client'), 'addr', 'replace', `${clientAddress}/24`, 'dev', 'eth0');
      await ip('-n', space('client'), 'route', 'replace', '255.255.255.255', 'dev', 'eth0');
      const asked = node('client', './dhcp-raw-client.ts', [String(listenMs), ...messages.map(fromCorpus)]);
      await once(asked.child, 'close');
      const lines = asked.output().trim().split('\n');
      return lines.filter((line) => /^[0-9.]+ [0-9a-f]+$/.test(line)).map(answerOf);
    },
    udhcpc: (...args) =>
      start('client', 'busybox', ['udhcpc', '-f', '-i', 'eth0', '-s', join(folder, 'configure'), ...args]),
  };
}

async function build(ip: (...args: string[]) => Promise<unknown>, space: (host: Host) => string): Promise<void> {
  for (const host of ['server', 'client', 'router'] as const) {
    await ip('netns', 'add', space(host));
    await ip('-n', space(host), 'link', 'set', 'lo', 'up');
  }
  await ip('-n', space('server'), 'link', 'add', 'br0', 'type', 'bridge');
  await ip('-n', space('server'), 'link', 'set', 'br0', 'up');
  for (const host of ['client', 'router'] as const) {
    const peer = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', space(host)];
    await ip('link', 'add', `to-${host}`, 'netns', space('server'), ...peer);
    await ip('-n', space('server'), 'link', 'set', `to-${host}`, 'master', 'br0', 'up');
    await ip('-n', space(host), 'link', 'set', 'eth0', 'up');
  }
  await ip('-n', space('server'), 'addr', 'add', `${serverAddress}/24`, 'dev', 'br0');
  await ip('-n', space('router'), 'addr', 'add', `${routerAddress}/24`, 'dev', 'eth0');
}

const configureScript = `#!/bin/sh
case $1 in
bound|renew) ip addr replace "$ip/24" dev "$interface"; echo "$1 $ip router=$router dns=$dns domain=$domain lease=$lease" ;;
deconfig) ip addr flush dev "$interface"; echo deconfig ;;
esac
`;

function fromCorpus(message: string): string {
  const [where = '', name = ''] = message.includes(' ') ? message.split(' ') : ['dhcp', message];
  return `${where}:${Buffer.from(corpus(name)).toString('hex')}`;
}

function answerOf(line: string): { from: string; message: DhcpMessage } {
  const [from = '', hex = ''] = line.split(' ');
  const decoded = decodeDhcp(Buffer.from(hex, 'hex'));
  if (!decoded.ok) throw new Error(decoded.error.message);
  return { from, message: decoded.message };
}

function watched(child: ChildProcess): Program {
  let output = '';
  const collect = (bytes: Buffer): void => void (output += bytes.toString());
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return {
    child,
    output: () => output,
    async says(pattern) {
      for (const until = Date.now() + 30_000; Date.now() < until;) {
        if (pattern.test(output)) return output;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`${pattern} never came:\n${output}`);
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const ended = once(child, 'exit');
      const tooLate = setTimeout(() => child.kill('SIGKILL'), 3000);
      await ended;
      clearTimeout(tooLate);
    },
  };
}
