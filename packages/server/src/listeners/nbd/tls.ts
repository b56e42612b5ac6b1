import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';

/** Upgrades connections to TLS, as their server. */
export interface TlsUpgrade {
  /** Resolves with the secured connection, or with undefined when the handshake failed and the socket is closed. */
  secure(socket: Socket): Promise<Duplex | undefined>;
}

/**
 * A TLS server that does not listen: connections are handed to it. It does what is needed to judge client certificates,
 * and its certificate is read once. proto.md, "TLS versions": 1.2 at least.
 */
export function createTlsUpgrade(options: TlsOptions): TlsUpgrade {
  const waiting = new Map<string, (secured: Duplex) => void>();
  const server = createServer({ minVersion: 'TLSv1.2', rejectUnauthorized: options.requestCert === true, ...options });
  server.on('secureConnection', (secured) => {
    const address = addressOf(secured);
    secured.allowHalfOpen = true;
    waiting.get(address)?.(secured);
    waiting.delete(address);
  });
  // The socket is destroyed, and its owner learns of that.
  server.on('tlsClientError', (_error, secured) => secured.destroy());
  return {
    secure: (socket) =>
      new Promise((resolve) => {
        const address = addressOf(socket);
        waiting.set(address, resolve);
        socket.once('close', () => {
          waiting.delete(address);
          resolve(undefined);
        });
        // Half-open, a client that leaves in the middle of its handshake would not be noticed.
        socket.allowHalfOpen = false;
        server.emit('connection', socket);
      }),
  };
}

/** Both ends of a connection: unique while it is there, and the same for a socket and for the TLS on top of it. */
const addressOf = (socket: Socket | TLSSocket): string =>
  `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
