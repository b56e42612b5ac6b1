/** Puts a board's MAC and lease on a network interface of a namespace with the `ip` program. Needs root (CAP_NET_ADMIN). */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { OfferedLease } from './dhcp-offers.js';

const run = promisify(execFile);

const interfaceName = /^[A-Za-z0-9_.-]{1,15}$/;

/** Routing table of our own for the rule that lets the host take packets to addresses it does not have yet. */
const anyAddressTable = '26';

export interface HostInterface {
  /** Powers the link on with this MAC and no address, ready to send and receive DHCP like firmware does. */
  prepare(mac: string): Promise<void>;
  /** Puts the leased address on it. */
  assign(lease: OfferedLease): Promise<void>;
  /** Takes the addresses off, keeps the link: what a client does before it asks again. */
  clear(): Promise<void>;
  /** Ends the board's use of it: addresses, routes and rules go; the link stays up when `keepLink`. */
  release(keepLink: boolean): Promise<void>;
}

const prefixLength = (mask: string): number =>
  mask.split('.').reduce((bits, part) => bits + (Number(part).toString(2).match(/1/g)?.length ?? 0), 0);

const ip = async (...args: readonly string[]): Promise<void> => {
  await run('ip', [...args]);
};

const ipIfPossible = async (...args: readonly string[]): Promise<void> => {
  await run('ip', [...args]).catch(() => undefined);
};

/**
 * Firmware has a network stack of its own that takes a unicast OFFER to an address it does not hold. The kernel would drop it; a rule on this
 * interface sends every packet that arrives to local sockets instead. arp_ignore keeps the host from claiming those addresses in ARP.
 */
const acceptAnyAddress = async (name: string): Promise<void> => {
  await writeFile(`/proc/sys/net/ipv4/conf/${name}/arp_ignore`, '1');
  await writeFile(`/proc/sys/net/ipv4/conf/${name}/rp_filter`, '0');
  await ipIfPossible('rule', 'del', 'iif', name, 'lookup', anyAddressTable);
  await ip('rule', 'add', 'iif', name, 'lookup', anyAddressTable);
};

/** Removing the last address takes all routes of the interface with it, so they are set each time. */
const withoutAddress = async (name: string): Promise<void> => {
  await ip('-4', 'address', 'flush', 'dev', name);
  await ip('route', 'replace', '255.255.255.255/32', 'dev', name);
  await ip('route', 'replace', 'local', 'default', 'dev', name, 'table', anyAddressTable);
};

const checkName = (name: string): void => {
  if (!interfaceName.test(name)) throw new RangeError(`interface "${name}" is not an interface name`);
};

/** A board's address beside those an interface has. */
export interface AddressAlias {
  /** In place of the one before. */
  put(lease: OfferedLease): Promise<void>;
  take(): Promise<void>;
}

/** Seconds after which the kernel takes the address away by itself, whatever became of us. */
const aliasSeconds = '900';

/**
 * Nothing else of the host speaks from the address: it is deprecated from the beginning (ip-address(8), preferred_lft 0).
 * @throws RangeError when the name cannot be one of an interface.
 */
export const createAddressAlias = (name: string): AddressAlias => {
  checkName(name);
  let held: string | undefined;
  const take = async (): Promise<void> => {
    if (held !== undefined) await ipIfPossible('address', 'del', held, 'dev', name);
    held = undefined;
  };
  return {
    take,
    put: async ({ address, mask }) => {
      await take();
      const wanted = `${address}/${prefixLength(mask ?? '255.255.255.0')}`;
      const lifetime = ['valid_lft', aliasSeconds, 'preferred_lft', '0'];
      await ip('address', 'replace', wanted, 'brd', '+', 'dev', name, ...lifetime);
      held = wanted;
    },
  };
};

/** @throws RangeError when the name cannot be one of an interface. */
export const createHostInterface = (name: string): HostInterface => {
  checkName(name);
  return {
    clear: () => withoutAddress(name),
    prepare: async (mac) => {
      await ip('link', 'set', name, 'down');
      await ip('link', 'set', name, 'address', mac);
      await ip('link', 'set', name, 'up');
      await acceptAnyAddress(name);
      await withoutAddress(name);
    },
    assign: async (lease) => {
      const length = prefixLength(lease.mask ?? '255.255.255.0');
      await ip('address', 'replace', `${lease.address}/${length}`, 'broadcast', '+', 'dev', name);
      if (lease.router !== undefined)
        await ipIfPossible('route', 'replace', 'default', 'via', lease.router, 'dev', name);
    },
    release: async (keepLink) => {
      await ipIfPossible('rule', 'del', 'iif', name, 'lookup', anyAddressTable);
      await ipIfPossible('-4', 'address', 'flush', 'dev', name);
      await ipIfPossible('route', 'flush', 'dev', name);
      if (!keepLink) await ipIfPossible('link', 'set', name, 'down');
    },
  };
};
