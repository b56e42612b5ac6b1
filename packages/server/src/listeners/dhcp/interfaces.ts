import type { NetworkInterfaceInfo } from 'node:os';

/** An interface to serve, by its first IPv4 address or the one that was named. */
export interface ServedInterface {
  readonly name: string;
  readonly address: string;
}

type Machine = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * Finds the interfaces that were named by name or by IPv4 address.
 * @throws Error naming what is not there and what is.
 */
export function resolveInterfaces(wanted: readonly string[], machine: Machine): ServedInterface[] {
  const present = Object.entries(machine).flatMap(([name, infos]) =>
    (infos ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => ({ name, address })),
  );
  const found = wanted.map((each) => {
    const match = present.find(({ name, address }) => each === name || each === address);
    // All of 127.0.0.0/8 is the loopback interface, whatever address is configured on it.
    if (!match && each.startsWith('127.')) return { name: 'lo', address: each };
    if (!match) {
      const names = present.map(({ name, address }) => `${name} (${address})`).join(', ') || 'none';
      throw new Error(`dhcp.interfaces: ${each} is no interface with an IPv4 address. Present are: ${names}`);
    }
    return match;
  });
  return found.filter((each, i) => found.findIndex(({ address }) => address === each.address) === i);
}
