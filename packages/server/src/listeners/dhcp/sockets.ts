import type { Socket } from 'node:dgram';
import { limitedBroadcast } from '@drover/protocols/dhcp';
import { addressChanges, openEach, type RefusedAddress } from '../udp/addresses.js';
import type { ListenerLog } from '../udp/log.js';
import { bindSocket, closeSocket, udpSocket } from '../udp/socket.js';
import type { DhcpDoor, DhcpSettings } from './types.js';

/** A way out with a fixed address of ours, the one the client will read in option 54. */
export interface Outlet {
  readonly address: string;
  send(bytes: Uint8Array, address: string, port: number): void;
}

/** A datagram and where it came in; `outlet` is the socket it was sent to, undefined for broadcasts. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly from: { readonly address: string; readonly port: number };
  readonly door: DhcpDoor;
  readonly outlet?: Outlet;
}

export interface DhcpSockets {
  /** One for each address: sends to the whole segment. */
  broadcasters(): readonly Outlet[];
  /** Has sockets on exactly these addresses from now on; those that stay are not touched. Gives those that could not be opened. */
  serve(addresses: readonly string[]): Promise<readonly RefusedAddress[]>;
  close(): Promise<void>;
}

export interface SocketHandlers {
  onDatagram(datagram: Datagram): void;
  /** What servers send to all clients, our own answers included. */
  onReply(bytes: Uint8Array, from: { readonly address: string }): void;
}

const serverHint =
  'A DHCP server on the same host must share the port: for dnsmasq set bind-dynamic (or bind-interfaces). ' +
  'Or stop it and use dhcp mode full.';
const pxeHint =
  'Stop the other PXE server (in dnsmasq: the pxe-service lines and the proxy dhcp-range), or turn dhcp off here.';

/** Binds, and reports later errors to the log. */
type Open = (address: string, port: number, reuse: boolean, hint: string) => Promise<Socket>;

/** The sockets of one address of ours. */
interface Segment {
  readonly broadcaster: Outlet;
  readonly sockets: readonly Socket[];
}

/**
 * The sockets of a DHCP server that leaves room for another one on the same host:
 * - one on 255.255.255.255 with address reuse receives what clients broadcast on any interface, and nothing else;
 * - per address one bound to it sends. Connected to the broadcast address, as it is in proxy mode, it takes no unicast, so
 *   renewals reach the server that gave the lease. A source address makes the kernel choose that interface;
 * - per address one on the PXE port.
 * Opens the first; addresses come with `serve`.
 */
export async function openSockets(
  settings: DhcpSettings,
  handlers: SocketHandlers,
  log: ListenerLog,
): Promise<DhcpSockets> {
  const shared: Socket[] = [];
  const segments = new Map<string, Segment>();
  let closed = false;
  const open: Open = async (address, port, reuse, hint) => {
    const socket = udpSocket(address, { reuseAddr: reuse });
    await bindSocket(socket, address, port, { service: 'DHCP', hint });
    socket.setBroadcast(true);
    socket.on('error', (error) => log.warn({ address, port, error: error.message }, 'DHCP socket error'));
    return socket;
  };
  const drop = async (address: string): Promise<void> => {
    const segment = segments.get(address);
    segments.delete(address);
    await Promise.all((segment?.sockets ?? []).map(closeSocket));
  };
  const add = async (address: string): Promise<void> => {
    segments.set(address, await openSegment(address, settings, handlers, open));
    if (closed) await drop(address);
  };
  const close = async (): Promise<void> => {
    closed = true;
    await Promise.all([...shared.map(closeSocket), ...[...segments.keys()].map(drop)]);
  };

  const { server, client } = settings.ports;
  const receiver = await open(limitedBroadcast, server, true, serverHint);
  shared.push(receiver);
  receive(receiver, 'dhcp', handlers);
  const watcher = await watchReplies(open, client, handlers, log);
  if (watcher !== undefined) shared.push(watcher);
  return {
    broadcasters: () => [...segments.values()].map(({ broadcaster }) => broadcaster),
    close,
    serve: async (addresses) => {
      const changes = addressChanges(segments.keys(), addresses);
      await Promise.all(changes.close.map(drop));
      return openEach(changes.open, add);
    },
  };
}

function receive(socket: Socket, door: DhcpDoor, handlers: SocketHandlers, outlet?: Outlet): void {
  socket.on('message', (bytes, from) => handlers.onDatagram({ bytes, from, door, ...(outlet ? { outlet } : {}) }));
}

/** All sockets of an address, or none. */
async function openSegment(
  address: string,
  { mode, relay, ports }: DhcpSettings,
  handlers: SocketHandlers,
  open: Open,
): Promise<Segment> {
  const sender = await open(address, ports.server, true, serverHint);
  const sockets = [sender];
  try {
    const pxe = await open(address, ports.pxe, false, pxeHint);
    sockets.push(pxe);
    receive(pxe, 'pxe', handlers, unconnected(address, pxe));
    if (mode !== 'full' && relay === 'off') {
      return { broadcaster: await connectToAll(address, sender, ports.client), sockets };
    }
    const broadcaster = unconnected(address, sender);
    receive(sender, 'dhcp', handlers, broadcaster);
    return { broadcaster, sockets };
  } catch (error) {
    await Promise.all(sockets.map(closeSocket));
    throw error;
  }
}

function unconnected(address: string, socket: Socket): Outlet {
  return { address, send: (bytes, to, port) => socket.send(bytes, port, to) };
}

/** The outlet that can only broadcast to clients. */
function connectToAll(address: string, socket: Socket, clientPort: number): Promise<Outlet> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    // Without a callback of its own, connect reports a failure as the error event.
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve({ address, send: (bytes) => socket.send(bytes) });
    });
    socket.connect(clientPort, limitedBroadcast);
  });
}

/** Other servers' broadcasts, for diagnosis only: where another program has the client port to itself, we do without. */
async function watchReplies(
  open: Open,
  clientPort: number,
  handlers: SocketHandlers,
  log: ListenerLog,
): Promise<Socket | undefined> {
  try {
    const socket = await open(limitedBroadcast, clientPort, true, '');
    socket.on('message', (bytes, from) => handlers.onReply(bytes, from));
    return socket;
  } catch (error) {
    log.warn({ error: String(error) }, 'other DHCP servers cannot be watched');
    return undefined;
  }
}
