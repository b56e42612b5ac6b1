import type { Socket } from 'node:dgram';
import { limitedBroadcast } from '@drover/protocols/dhcp';
import type { ListenerLog } from '../udp/log.js';
import { bindSocket, closeSocket, udpSocket } from '../udp/socket.js';
import type { ServedInterface } from './interfaces.js';
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
  /** One for each interface: sends to the whole segment. */
  readonly broadcasters: readonly Outlet[];
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

/**
 * The sockets of a DHCP server that leaves room for another one on the same host:
 * - one on 255.255.255.255 with address reuse receives what clients broadcast, and nothing else;
 * - per interface one bound to its address sends. Connected to the broadcast address, as it is in proxy mode, it takes no
 *   unicast, so renewals reach the server that gave the lease. A source address makes the kernel choose that interface;
 * - per interface one on the PXE port.
 */
export async function openSockets(
  settings: DhcpSettings,
  interfaces: readonly ServedInterface[],
  handlers: SocketHandlers,
  log: ListenerLog,
): Promise<DhcpSockets> {
  const opened: Socket[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map(closeSocket));
  };
  const open = async (address: string, port: number, reuse: boolean, hint: string): Promise<Socket> => {
    const socket = udpSocket(address, { reuseAddr: reuse });
    await bindSocket(socket, address, port, { service: 'DHCP', hint });
    opened.push(socket);
    socket.setBroadcast(true);
    socket.on('error', (error) => log.warn({ address, port, error: error.message }, 'DHCP socket error'));
    return socket;
  };
  const receive = (socket: Socket, door: DhcpDoor, outlet?: Outlet): void => {
    socket.on('message', (bytes, from) => handlers.onDatagram({ bytes, from, door, ...(outlet ? { outlet } : {}) }));
  };

  const { ports } = settings;
  try {
    receive(await open(limitedBroadcast, ports.server, true, serverHint), 'dhcp');
    const broadcasters: Outlet[] = [];
    for (const { address } of interfaces) {
      const takesUnicast = settings.mode === 'full' || settings.relay !== 'off';
      const outlet = unconnected(address, await open(address, ports.server, true, serverHint));
      if (takesUnicast) receive(outlet.socket, 'dhcp', outlet);
      broadcasters.push(takesUnicast ? outlet : await connectToAll(address, outlet.socket, ports.client));
      const pxe = unconnected(address, await open(address, ports.pxe, false, pxeHint));
      receive(pxe.socket, 'pxe', pxe);
    }
    await watchReplies(open, ports.client, handlers, log);
    return { broadcasters, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function unconnected(address: string, socket: Socket): Outlet & { readonly socket: Socket } {
  return { address, socket, send: (bytes, to, port) => socket.send(bytes, port, to) };
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
  open: (address: string, port: number, reuse: boolean, hint: string) => Promise<Socket>,
  clientPort: number,
  handlers: SocketHandlers,
  log: ListenerLog,
): Promise<void> {
  try {
    const socket = await open(limitedBroadcast, clientPort, true, '');
    socket.on('message', (bytes, from) => handlers.onReply(bytes, from));
  } catch (error) {
    log.warn({ error: String(error) }, 'other DHCP servers cannot be watched');
  }
}
