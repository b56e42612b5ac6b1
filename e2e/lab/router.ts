import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawnInNamespace, type LabProcess } from './process.js';

export interface Lease {
  readonly mac: string;
  readonly address: string;
  /** Unix seconds. */
  readonly expires: number;
  /** As the client gave it, or undefined. */
  readonly hostname: string | undefined;
}

export interface RouterOptions {
  /** More arguments for dnsmasq, e.g. `--dhcp-option=66,"10.0.0.1"` for a router that gets in the way. */
  readonly dnsmasqArgs?: readonly string[];
}

export interface Router {
  readonly process: LabProcess;
  leases(): Promise<Lease[]>;
  /** That address for that machine from now on, whatever it had. */
  assign(mac: string, address: string): Promise<void>;
  /** What it logged: every DHCP message with its options. */
  log(): Promise<string>;
}

/**
 * A home router's DHCP server: dnsmasq with a pool of 100 addresses (`.100` to `.199`), not authoritative, no DNS. It hands out
 * addresses at once (`no-ping`), as cheap routers do.
 */
export async function startRouter(
  at: { readonly netns: string; readonly dir: string; readonly prefix: string },
  options: RouterOptions = {},
): Promise<Router> {
  const leaseFile = path.join(at.dir, 'router.leases');
  const logFile = path.join(at.dir, 'router.log');
  const hostsFile = path.join(at.dir, 'router.hosts');
  await writeFile(hostsFile, '');
  const argv = [
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--user=root', '--pid-file=', '--port=0'],
    ...['--interface=br0', '--bind-interfaces', '--no-ping', '--log-dhcp'],
    `--dhcp-range=${at.prefix}.100,${at.prefix}.199,255.255.255.0,1h`,
    ...[`--dhcp-leasefile=${leaseFile}`, `--log-facility=${logFile}`, `--dhcp-hostsfile=${hostsFile}`],
    ...(options.dnsmasqArgs ?? []),
  ];
  const process = await spawnInNamespace(argv, { netns: at.netns, name: 'router' });
  const log = (): Promise<string> => readFile(logFile, 'utf8').catch(() => '');
  const deadline = Date.now() + 10_000;
  while (!(await log()).includes('DHCP, IP range')) {
    if (Date.now() > deadline) throw new Error(`the router does not start:\n${process.console.text()}${await log()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    process,
    log,
    assign: async (mac, address) => {
      await writeFile(hostsFile, `${mac},${address}\n`);
      // It reads the file again.
      global.process.kill(process.pid, 'SIGHUP');
    },
    async leases() {
      const text = await readFile(leaseFile, 'utf8').catch(() => '');
      return text
        .split('\n')
        .map((line) => line.split(' '))
        .filter((fields) => fields.length >= 4)
        .map(([expires, mac, address, hostname]) => ({
          mac: mac ?? '',
          address: address ?? '',
          expires: Number(expires),
          hostname: hostname === '*' ? undefined : hostname,
        }));
    },
  };
}
