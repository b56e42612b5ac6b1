import { isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { Settings } from '../config.js';
import { defaultDhcpSettings, type DhcpPoolSettings, type DhcpSettings } from '../listeners/dhcp/index.js';
import { defaultTftpSettings, type TftpSettings } from '../listeners/tftp/index.js';

type Machine = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

export interface ServedAddress {
  readonly name: string;
  readonly address: string;
  readonly netmask: string;
}

type Wanted = Settings['boot']['interfaces'];

const addressesOf = (machine: Machine): (ServedAddress & { readonly internal: boolean })[] =>
  Object.entries(machine).flatMap(([name, infos]) =>
    (infos ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, netmask, internal }) => ({ name, address, netmask, internal })),
  );

const findWanted = (wanted: string, machine: Machine): ServedAddress | undefined => {
  const found = addressesOf(machine).find(({ name, address }) => wanted === name || wanted === address);
  // All of 127.0.0.0/8 is the loopback, whatever is configured on it.
  if (found === undefined && wanted.startsWith('127.')) return { name: 'lo', address: wanted, netmask: '255.0.0.0' };
  return found && { name: found.name, address: found.address, netmask: found.netmask };
};

/** Those of the wanted interfaces that are there now. `auto`: every one that is up and has an IPv4 address, but the loopback. */
export function presentAddresses(wanted: Wanted, machine: Machine): ServedAddress[] {
  if (wanted !== 'auto') return wanted.map((each) => findWanted(each, machine)).filter((each) => each !== undefined);
  const outside = addressesOf(machine).filter(({ internal }) => !internal);
  return (
    outside
      // One address of each interface: the first is what the listeners would take by name.
      .filter(({ name }, i) => outside.findIndex((each) => each.name === name) === i)
      .map(({ name, address, netmask }) => ({ name, address, netmask }))
  );
}

/**
 * The interfaces boards are on, at the start of the server.
 * @throws StartError when one that is named is not there: that is a mistake in the settings more often than a slow network card.
 */
export function servedAddresses(wanted: Wanted, machine: Machine): ServedAddress[] {
  const missing = wanted === 'auto' ? undefined : wanted.find((each) => findWanted(each, machine) === undefined);
  if (missing === undefined) return presentAddresses(wanted, machine);
  const names =
    addressesOf(machine)
      .map(({ name, address }) => `${name} (${address})`)
      .join(', ') || 'none';
  throw new StartError(`boot.interfaces: ${missing} is no interface with an IPv4 address. Present are: ${names}.`);
}

/**
 * Where boards reach the boot plane over HTTP, as far as settings and interfaces tell: what a card is told before a board calls. `reached`: our address that a board
 * did call.
 */
export function bootUrl(
  { serverAddress, interfaces, http }: Pick<Settings['boot'], 'serverAddress' | 'interfaces' | 'http'>,
  machine: Machine,
  reached?: string,
): string | undefined {
  const [first] = http.listen;
  const bound = first?.host === '0.0.0.0' || first?.host === '::' ? undefined : first?.host;
  const here = reached !== undefined && isIPv4(reached) ? reached : undefined;
  const address = serverAddress ?? bound ?? here ?? presentAddresses(interfaces, machine)[0]?.address;
  return address === undefined || first === undefined ? undefined : `http://${address}:${first.port}`;
}

/** The supervisor shows its message to the person who started the server. */
export class StartError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StartError';
  }
}

export function dhcpSettings({ dhcp }: Settings['boot'], served: readonly ServedAddress[]): DhcpSettings {
  const { mode, delays, port, clientPort, proxyPort } = dhcp;
  const { rom, bc, ee, other } = delays;
  return {
    ...defaultDhcpSettings,
    mode,
    interfaces: served.map(({ address }) => address),
    ports: { server: port, client: clientPort, pxe: proxyPort },
    relay: dhcp.relay ? 'on' : 'off',
    delaysMs: { rom, bc, ee, edk2: other, ipxe: other, 'pxe-other': other, uboot: Math.max(other, 1000) },
    ...(mode === 'full' ? { pool: poolSettings(dhcp, served) } : {}),
  };
}

const offerSeconds = 30;
const declineSeconds = 600;

function poolSettings(dhcp: Settings['boot']['dhcp'], [only]: readonly ServedAddress[]): DhcpPoolSettings {
  const { pool } = dhcp;
  if (pool === undefined) throw new StartError('boot.dhcp.mode full needs boot.dhcp.pool with start and end.');
  if (only === undefined) throw new StartError('boot.dhcp.mode full needs one interface: name it in boot.interfaces.');
  return {
    subnetMask: only.netmask,
    poolFirst: pool.start,
    poolLast: pool.end,
    ...(pool.router === undefined ? {} : { router: pool.router }),
    dns: pool.dns,
    ...(pool.domain === undefined ? {} : { domain: pool.domain }),
    leaseSeconds: pool.leaseSeconds,
    offerSeconds,
    declineSeconds,
    fixed: new Map(dhcp.static.map(({ mac, address }) => [mac, address])),
    authoritative: true,
  };
}

/**
 * A board asks again while it waits, and takes an error for a file that is not there. Its boot files may take as long as they take to be read off its own disk,
 * see own-files/own-files.ts.
 */
const openTimeoutMs = 90_000;

export const tftpSettings = ({ tftp }: Settings['boot'], served: readonly ServedAddress[]): TftpSettings => ({
  ...defaultTftpSettings,
  addresses: served.map(({ address }) => address),
  port: tftp.port,
  singlePort: tftp.singlePort,
  limits: { ...defaultTftpSettings.limits, blksize: tftp.maxBlockSize },
  transfersPerClient: tftp.maxTransfersPerClient,
  openTimeoutMs,
});
