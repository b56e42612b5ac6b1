import { createServer, type Server } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Log, Service } from '../../app/ports.js';
import { putFirst, type Quick } from './first-lane.js';

export interface HttpServerDeps {
  /** Routes; made ready here. */
  readonly app: FastifyInstance;
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly log: Log;
  /** Aborted when stopping begins, so that event streams and uploads end. */
  readonly stopping: AbortController;
  /** Answers what it can before the application sees it. */
  readonly quick?: Quick;
  /** How long requests under way may take at stop, in ms. */
  readonly graceMs?: number;
}

/** Serves one fastify application on several addresses. */
export interface HttpServer extends Service {
  /** `http://address:port` of each address, once started. */
  urls(): string[];
}

/** A listener could not be opened; the message has the address and the remedy. */
export class ListenError extends Error {
  constructor(what: string, host: string, port: number, cause: NodeJS.ErrnoException) {
    const place = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
    const remedies: Record<string, string> = {
      EADDRINUSE: 'Another program listens there: end it, or choose another port.',
      EACCES: 'Ports below 1024 need CAP_NET_BIND_SERVICE or root: grant it, or choose another port.',
      EADDRNOTAVAIL: 'No interface of this machine has that address: choose another one.',
    };
    super(
      `${what} cannot listen on ${place} (${cause.code ?? cause.message}). ${remedies[cause.code ?? ''] ?? ''}`.trim(),
    );
    this.name = 'ListenError';
  }
}

const listenOn = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      reject(new ListenError('The HTTP server', host, port, error));
    };
    server.once('error', failed);
    server.listen({ host, port, ipv6Only: isIP(host) === 6 }, () => {
      server.off('error', failed);
      resolve();
    });
  });

/** Waits for requests under way, closing connections as they fall idle; cuts the rest off after `graceMs`. */
const closeServer = async (server: Server, graceMs: number): Promise<void> => {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  const sweep = setInterval(() => {
    server.closeIdleConnections();
  }, 50);
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  server.closeIdleConnections();
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
};

/** Longer than proxies keep theirs. */
const idleMs = 75_000;

export const createHttpServer = (deps: HttpServerDeps): HttpServer => {
  const { app, listen, log, stopping, quick, graceMs = 10_000 } = deps;
  const servers: Server[] = [];
  const quickEnds: (() => void)[] = [];
  const urls = (): string[] =>
    servers.map((server) => {
      const { address, port, family } = server.address() as AddressInfo;
      return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    });
  const stop = async (): Promise<void> => {
    stopping.abort();
    for (const end of quickEnds.splice(0)) end();
    await Promise.all(servers.map((server) => closeServer(server, graceMs)));
    servers.length = 0;
    await app.close();
  };
  return {
    urls,
    async start() {
      await app.ready();
      try {
        for (const { host, port } of listen) {
          const server = createServer((request, response) => app.routing(request, response));
          // An upload may take hours and an event stream days: only silence ends a connection. Streams say something every 15 s.
          server.requestTimeout = 0;
          server.setTimeout(120_000);
          server.keepAliveTimeout = idleMs;
          if (quick !== undefined) quickEnds.push(putFirst(server, quick, idleMs));
          servers.push(server);
          await listenOn(server, host, port);
        }
      } catch (error) {
        await stop();
        throw error;
      }
      log.info({ urls: urls() }, 'HTTP listens');
    },
    stop,
  };
};
