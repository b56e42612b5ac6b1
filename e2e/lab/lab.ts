import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { run, type RunOptions, type RunResult } from '../inputs/run.js';
import { forwardPort, type Forward } from './forward.js';
import { spawnInNamespace, type LabProcess, type SpawnOptions } from './process.js';
import { startRouter, type Router, type RouterOptions } from './router.js';
import { claimLab, namespacePrefix, removeLab, sweepLabs } from './sweep.js';

/** `router`: the home router and the guests' taps. `server`: the machine Drover runs on. */
export type Place = 'router' | 'server';

export interface LabOptions {
  /** For messages and file names, `[a-z0-9-]+`. */
  readonly name: string;
  /** `false`: a segment without any DHCP server. */
  readonly router?: RouterOptions | false;
}

export interface Lab {
  /** 6 hex digits; the namespaces are `drv-lab-<id>-router` and `drv-lab-<id>-server`. */
  readonly id: string;
  /** A folder for logs and scratch files, removed with the lab. */
  readonly dir: string;
  /** Addresses, e.g. `10.77.5.1`; `prefix` is the first three numbers. The net is a /24. */
  readonly net: { readonly prefix: string; readonly router: string; readonly server: string };
  netns(place: Place): string;
  /** Undefined in a lab without one. */
  readonly router: Router | undefined;
  /** Starts a program in one of the namespaces; it ends with the lab. */
  spawn(argv: readonly string[], options: Omit<SpawnOptions, 'netns'> & { readonly at: Place }): Promise<LabProcess>;
  /** Runs a program there to its end. */
  run(argv: readonly string[], options: RunOptions & { readonly at: Place }): Promise<RunResult>;
  /** Makes a tap on the bridge in the router's namespace and returns its name. */
  tap(): Promise<string>;
  /** Makes a TCP port of the server's namespace (on `host`, 127.0.0.1 by default) a port of 127.0.0.1 out here. */
  forward(port: number, host?: string): Promise<Forward>;
  /** Ends all processes and removes everything. May be called twice. */
  dispose(): Promise<void>;
}

async function makeNetwork(netns: Record<Place, string>, net: Lab['net']): Promise<void> {
  const inRouter = (...args: string[]): Promise<RunResult> => run(['ip', '-n', netns.router, ...args]);
  const inServer = (...args: string[]): Promise<RunResult> => run(['ip', '-n', netns.server, ...args]);
  for (const name of [netns.router, netns.server]) {
    await run(['ip', 'netns', 'add', name]);
    await run([
      'ip',
      'netns',
      'exec',
      name,
      'sysctl',
      '-qw',
      'net.ipv6.conf.all.disable_ipv6=1',
      'net.ipv6.conf.default.disable_ipv6=1',
    ]);
    await run(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
  }
  await inRouter('link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0');
  await inRouter('link', 'add', 'server', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns.server);
  await inRouter('link', 'set', 'server', 'master', 'br0', 'up');
  await inRouter('addr', 'add', `${net.router}/24`, 'dev', 'br0');
  await inRouter('link', 'set', 'br0', 'up');
  await inServer('addr', 'add', `${net.server}/24`, 'dev', 'eth0');
  await inServer('link', 'set', 'eth0', 'up');
  await inServer('route', 'add', 'default', 'via', net.router);
}

/**
 * Two network namespaces joined by a bridge, with a DHCP router in one and room for the server in the other. Nothing
 * else reaches them. Needs root. What earlier killed runs left is removed first.
 */
export async function createLab(options: LabOptions): Promise<Lab> {
  if (process.getuid?.() !== 0) throw new Error('the lab makes network namespaces: run the e2e tests as root');
  await sweepLabs();
  const id = randomBytes(3).toString('hex');
  const netns = { router: `${namespacePrefix}${id}-router`, server: `${namespacePrefix}${id}-server` };
  const prefix = `10.77.${1 + (parseInt(id.slice(0, 2), 16) % 254)}`;
  const net = { prefix, router: `${prefix}.1`, server: `${prefix}.2` };
  const dir = await mkdtemp(path.join(os.tmpdir(), `drv-lab-${id}-${options.name}-`));
  const forwards: Forward[] = [];
  let taps = 0;
  const dispose = async (): Promise<void> => {
    for (const forward of forwards.splice(0)) await forward.close();
    await removeLab(id, dir);
  };
  try {
    await claimLab(id, dir);
    await makeNetwork(netns, net);
    const router =
      options.router === false ? undefined : await startRouter({ netns: netns.router, dir, prefix }, options.router);
    return {
      ...{ id, dir, net, router, dispose },
      netns: (place) => netns[place],
      spawn: (argv, { at, ...rest }) => spawnInNamespace(argv, { ...rest, netns: netns[at] }),
      run: (argv, { at, ...rest }) => run(['ip', 'netns', 'exec', netns[at], ...argv], rest),
      async tap() {
        const name = `tap${taps++}`;
        await run(['ip', '-n', netns.router, 'tuntap', 'add', name, 'mode', 'tap']);
        await run(['ip', '-n', netns.router, 'link', 'set', name, 'master', 'br0', 'up']);
        return name;
      },
      async forward(port, host = '127.0.0.1') {
        const forward = await forwardPort({ netns: netns.server, dir }, { host, port });
        forwards.push(forward);
        return forward;
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
