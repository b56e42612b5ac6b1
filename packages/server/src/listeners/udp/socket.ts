import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIP } from 'node:net';
import { explainBindError } from './bind-error.js';

/**
 * Resolves addresses that are addresses already, at once. Node's own resolver would put a turn of the event loop and a
 * name lookup's bookkeeping in front of every datagram of an unconnected socket.
 */
const literalAddress: NonNullable<SocketOptions['lookup']> = (address, _options, callback) => {
  const family = isIP(address);
  const error = family === 0 ? Object.assign(new Error(`${address} is no IP address`), { code: 'ENOTFOUND' }) : null;
  callback(error, address, family);
};

/** A UDP socket of the family of `address`; names are not resolved. */
export function udpSocket(address: string, options: Omit<SocketOptions, 'type' | 'lookup'> = {}): Socket {
  return createSocket({ ...options, type: isIP(address) === 6 ? 'udp6' : 'udp4', lookup: literalAddress });
}

/** What to say when a socket cannot be bound. */
export interface BindBlame {
  readonly service: string;
  readonly hint: string;
}

/**
 * Binds, or closes the socket and rejects with a `ListenError` that names the remedy.
 * Errors after that are the owner's to listen for.
 */
export function bindSocket(socket: Socket, address: string, port: number, blame: BindBlame): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      socket.close();
      reject(explainBindError(cause, blame.service, address, port, blame.hint));
    };
    socket.once('error', onError);
    socket.bind({ address, port }, () => {
      socket.off('error', onError);
      resolve();
    });
  });
}

/** Closes a socket that may be closed already, and waits until it is. */
export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      // ERR_SOCKET_DGRAM_NOT_RUNNING: it is closed, which is what was asked for.
      resolve();
    }
  });
}
