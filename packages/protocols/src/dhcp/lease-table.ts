import { ipv4FromNumber, ipv4ToNumber } from './ipv4.js';

/** What is known of one address of ours. */
export interface Lease {
  readonly address: string;
  /** Hardware address of the client it was last given to; of the address itself when it was declined. */
  readonly mac: string;
  /**
   * `offered`: held for the REQUEST to come. `bound`: given. `released`: given back, kept so that the same client gets it
   * again. `declined`: a client found it in use by someone else.
   */
  readonly state: 'offered' | 'bound' | 'released' | 'declined';
  /** Until when the state holds, in seconds since 1970. */
  readonly expiresAt: number;
  readonly hostname?: string;
}

/** All leases by address. A value: changes make a new one. */
export type LeaseTable = ReadonlyMap<string, Lease>;

/** The network a full DHCP server runs, all addresses as dotted quads. */
export interface LeaseSettings {
  /** Our own address on it. */
  readonly server: string;
  readonly subnetMask: string;
  readonly poolFirst: string;
  readonly poolLast: string;
  /** Option 3; absent on an isolated segment. */
  readonly router?: string;
  readonly dns: readonly string[];
  readonly domain?: string;
  readonly leaseSeconds: number;
  /** How long an offered address waits for its REQUEST. */
  readonly offerSeconds: number;
  /** How long a declined address is left alone. */
  readonly declineSeconds: number;
  /** Fixed addresses by hardware address (lower case, colons); inside or outside the pool, inside the subnet. */
  readonly fixed: ReadonlyMap<string, string>;
  /**
   * We are the only server of this segment: clients that ask for addresses we do not know of are answered (with the
   * address if it is free, else with NAK) where RFC 2131 section 4.3.2 otherwise wants silence.
   */
  readonly authoritative: boolean;
}

/** Sentences, one for each setting that cannot work; empty when all is well. */
export function checkLeaseSettings(settings: LeaseSettings): string[] {
  const problems: string[] = [];
  const number = (name: string, text: string): number | undefined => {
    const value = ipv4ToNumber(text);
    if (value === undefined) problems.push(`${name}: ${text} is no IPv4 address`);
    return value;
  };
  const server = number('server', settings.server);
  const mask = number('subnetMask', settings.subnetMask);
  const first = number('pool.first', settings.poolFirst);
  const last = number('pool.last', settings.poolLast);
  for (const dns of settings.dns) number('dns', dns);
  if (settings.router !== undefined) number('router', settings.router);
  if (server === undefined || mask === undefined || first === undefined || last === undefined) return problems;
  if (!isNetmask(mask)) problems.push(`subnetMask: ${settings.subnetMask} is no netmask, such as 255.255.255.0`);
  const inside = (value: number): boolean => ((value ^ server) & mask) === 0;
  if (!inside(first) || !inside(last)) problems.push(`pool: not in the network of ${settings.server}`);
  if (first > last) problems.push('pool: first is above last');
  if (last - first > 65_535) problems.push('pool: more than 65536 addresses');
  for (const [mac, text] of settings.fixed) {
    const value = number(`fixed ${mac}`, text);
    if (value !== undefined && !inside(value)) problems.push(`fixed ${mac}: ${text} is not in the network`);
  }
  if (settings.leaseSeconds < 60) problems.push('leaseSeconds: less than a minute');
  return problems;
}

const isNetmask = (mask: number): boolean => {
  const inverse = ~mask >>> 0;
  return (inverse & (inverse + 1)) === 0 && mask !== 0;
};

export const inSubnet = ({ server, subnetMask }: LeaseSettings, address: string): boolean =>
  ((ipv4ToNumber(address)! ^ ipv4ToNumber(server)!) & ipv4ToNumber(subnetMask)!) === 0;

export function broadcastOf({ server, subnetMask }: LeaseSettings): string {
  return ipv4FromNumber((ipv4ToNumber(server)! | ~ipv4ToNumber(subnetMask)!) >>> 0);
}

/** Addresses that are nobody's to have: ours, the router's, the network's own two, those fixed for another client. */
function isReserved(settings: LeaseSettings, address: string, mac: string): boolean {
  const number = ipv4ToNumber(address)!;
  const host = number & ~ipv4ToNumber(settings.subnetMask)!;
  const ends = host === 0 || address === broadcastOf(settings);
  const fixedForOther = [...settings.fixed].some(([owner, fixed]) => fixed === address && owner !== mac);
  return ends || fixedForOther || address === settings.server || address === settings.router;
}

const inPool = (settings: LeaseSettings, address: string): boolean => {
  const number = ipv4ToNumber(address)!;
  return number >= ipv4ToNumber(settings.poolFirst)! && number <= ipv4ToNumber(settings.poolLast)!;
};

/** May this client have this address now? */
export function isAvailable(
  settings: LeaseSettings,
  table: LeaseTable,
  address: string,
  mac: string,
  now: number,
): boolean {
  const fixed = settings.fixed.get(mac);
  if (fixed !== undefined ? fixed !== address : !inPool(settings, address)) return false;
  if (isReserved(settings, address, mac)) return false;
  const lease = table.get(address);
  if (!lease || lease.expiresAt <= now || lease.state === 'released') return true;
  return lease.mac === mac && lease.state !== 'declined';
}

/** The client's lease: the one that runs longest when there are several. */
export function leaseOf(table: LeaseTable, mac: string): Lease | undefined {
  let found: Lease | undefined;
  for (const lease of table.values()) {
    if (lease.mac !== mac || lease.state === 'declined') continue;
    if (!found || lease.expiresAt > found.expiresAt) found = lease;
  }
  return found;
}

/**
 * An address for a client, in the order of RFC 2131 section 4.3.1: its fixed one, the one it has or had, the one it asks
 * for, one nobody had, the one that has been free longest. Undefined when none is left.
 */
export function chooseAddress(
  settings: LeaseSettings,
  table: LeaseTable,
  mac: string,
  requested: string | undefined,
  now: number,
): string | undefined {
  const wishes = [settings.fixed.get(mac), leaseOf(table, mac)?.address, requested];
  for (const wish of wishes) {
    if (wish !== undefined && isAvailable(settings, table, wish, mac, now)) return wish;
  }
  let oldest: Lease | undefined;
  const last = ipv4ToNumber(settings.poolLast)!;
  for (let number = ipv4ToNumber(settings.poolFirst)!; number <= last; number += 1) {
    const candidate = ipv4FromNumber(number);
    if (!isAvailable(settings, table, candidate, mac, now)) continue;
    const lease = table.get(candidate);
    if (!lease) return candidate;
    if (!oldest || lease.expiresAt < oldest.expiresAt) oldest = lease;
  }
  return oldest?.address;
}
