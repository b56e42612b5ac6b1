import type { Socket } from 'node:dgram';
import { closeSocket, udpSocket } from '../udp/socket.js';
import type { TftpPeer } from './types.js';

/** The way to one client, from one port of ours. Sending never fails loudly: TFTP repeats what is lost. */
export interface Channel {
  send(packet: Uint8Array): void;
  close(): Promise<void>;
}

export interface ChannelEvents {
  readonly receive: (packet: Uint8Array) => void;
  /** The client's port is closed (ICMP), or the socket is broken. */
  readonly unreachable: () => void;
}

/**
 * A fresh port for one transfer (RFC 1350 section 4), connected to the client: the kernel then drops what comes from
 * anyone else, and sending needs neither an address to be parsed nor a route to be looked up.
 */
export function openOwnPort(localAddress: string, client: TftpPeer, events: ChannelEvents): Promise<Channel> {
  const socket = udpSocket(localAddress);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      void closeSocket(socket);
      reject(error);
    };
    socket.once('error', fail);
    // Without a callback of its own, connect reports a failure as the error event.
    socket.once('connect', () => {
      socket.off('error', fail);
      socket.on('error', events.unreachable);
      resolve({ send: (packet) => socket.send(packet), close: () => closeSocket(socket) });
    });
    socket.bind({ address: localAddress, port: 0 }, () => socket.connect(client.port, client.address));
    socket.on('message', events.receive);
  });
}

/** Answers from a socket that others use too: the listening one in single-port mode. */
export function sharePort(socket: Socket, client: TftpPeer): Channel {
  return {
    send: (packet) => socket.send(packet, client.port, client.address),
    close: () => Promise.resolve(),
  };
}
