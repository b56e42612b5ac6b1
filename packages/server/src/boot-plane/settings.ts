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

/** The interfaces boards are on. `auto`: every one that is up and has an IPv4 address, but the loopback. */
export function servedAddresses(wanted: Settings['boot']['interfaces'], machine: Machine): ServedAddress[] {
  const present = Object.entries(machine).flatMap(([name, infos]) =>
    (infos ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, netmask, internal }) => ({ name, address, netmask, internal })),
  );
  if (wanted === 'auto') {
    const outside = present.filter(({ internal }) => !internal);
    // One address of each interface: the first is what the listeners would take by name.
    return outside.filter(({ name }, i) => outside.findIndex((each) => each.name === name) === i);
  }
  return wanted.map((each) => {
    const found = present.find(({ name, address }) => each === name || each === address);
    if (found !== undefined) return found;
    // All of 127.0.0.0/8 is the loopback, whatever is configured on it.
    if (each.startsWith('127.')) return { name: 'lo', address: each, netmask: '255.0.0.0' };
    const names = present.map(({ name, address }) => `${name} (${address})`).join(', ') || 'none';
    throw new StartError(`boot.interfaces: ${each} is no interface with an IPv4 address. Present are: ${names}.`);
  });
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

export const tftpSettings = ({ tftp }: Settings['boot'], served: readonly ServedAddress[]): TftpSettings => ({
  ...defaultTftpSettings,
  addresses: served.map(({ address }) => address),
  port: tftp.port,
  singlePort: tftp.singlePort,
  limits: { ...defaultTftpSettings.limits, blksize: tftp.maxBlockSize },
  transfersPerClient: tftp.maxTransfersPerClient,
});
