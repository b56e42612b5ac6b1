/** How a board comes by an address and a boot server: DHCP, a relay's stand-in, or settings. */
import { createAddressAlias, createHostInterface, type AddressAlias, type HostInterface } from './host-interface.js';
import { runDhcp, type DhcpFailure } from './dhcp-client.js';
import { eepromRetry, halt, stopsForGood, type FirmwareContext } from './firmware-context.js';
import type { BoardNetwork, DhcpKind } from './types.js';

export interface Connection {
  readonly address: string;
  readonly server: string;
  /** What sockets bind to; any address when the lease is not on this host's interface. */
  readonly localAddress?: string;
  readonly tftpPort: number;
  readonly httpPort: number;
}

export interface NetworkAccess {
  /**
   * One client's way onto the network.
   * @throws FirmwareHalt when DHCP leads nowhere.
   */
  connect(kind: DhcpKind, knownServer: string | undefined, signal?: AbortSignal): Promise<Connection>;
  release(): Promise<void>;
}

const explanations: Readonly<Record<DhcpFailure, string>> = {
  'no-offer': 'no DHCP server answered',
  'unusable-offer': 'only offers this board cannot take came',
  'no-address': 'a boot server answered, but nobody handed out an address',
  'no-boot-server': 'an address was offered, but no PXE menu and no usable option 66',
  'no-ack': 'the DHCP server did not acknowledge the REQUEST',
};

const shownBy = (kind: DhcpKind): string =>
  kind === 'ee' ? 'screen: "DHCP timeout", then the next boot mode' : 'nothing: link LEDs go out, the board sleeps';

/** Whether the board speaks from its own address: otherwise the host has others only. */
export const holdsLease = (network: BoardNetwork): boolean =>
  network.mode !== 'broadcast' || network.configureInterface === true || network.aliasInterface !== undefined;

const connectionOf = (network: BoardNetwork, address: string, server: string): Connection => {
  return {
    address,
    server,
    ...(holdsLease(network) ? { localAddress: address } : {}),
    tftpPort: network.tftpPort ?? 69,
    httpPort: network.httpPort ?? 80,
  };
};

/** The host's interface, when the board is to configure it. */
const interfaceOf = (network: BoardNetwork): HostInterface | undefined => {
  if (network.mode !== 'broadcast' || network.configureInterface !== true) return undefined;
  if (network.interface === undefined) throw new RangeError('interface must be named when configureInterface is set');
  return createHostInterface(network.interface);
};

const aliasOf = (network: BoardNetwork): AddressAlias | undefined =>
  network.mode === 'broadcast' && network.aliasInterface !== undefined
    ? createAddressAlias(network.aliasInterface)
    : undefined;

export const createNetworkAccess = (network: BoardNetwork, context: FirmwareContext): NetworkAccess => {
  const host = interfaceOf(network);
  const alias = aliasOf(network);
  let prepared = false;

  const readyInterface = async (): Promise<void> => {
    if (host === undefined) return;
    if (prepared) return host.clear();
    await host.prepare(context.identity.mac);
    prepared = true;
  };

  const connect: NetworkAccess['connect'] = async (kind, knownServer, signal) => {
    if (network.mode === 'static') return connectionOf(network, network.address, knownServer ?? network.server);
    await readyInterface();
    const known = knownServer === undefined ? {} : { knownServer };
    const outcome = await runDhcp({ ...context, kind, network, ...known }, signal);
    if (!outcome.ok) {
      const afterwards = kind === 'ee' ? eepromRetry : stopsForGood;
      return halt('dhcp', outcome.reason, explanations[outcome.reason], shownBy(kind), afterwards);
    }
    await host?.assign(outcome.lease);
    await alias?.put(outcome.lease);
    context.emit({ type: 'network', address: outcome.lease.address, server: outcome.server });
    return connectionOf(network, outcome.lease.address, outcome.server);
  };

  return {
    connect,
    release: async () => {
      prepared = false;
      await alias?.take();
      await host?.release(network.mode === 'broadcast' && network.keepLink === true);
    },
  };
};
