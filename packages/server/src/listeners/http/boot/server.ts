import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { isIP, type AddressInfo } from 'node:net';
import { deviceApiBase } from '@drover/contract';
import type { CardBoots } from '../../../app/boot/plane/card-boots.js';
import type { DeviceApi } from '../../../app/boot/plane/device-api.js';
import type { BootFiles } from '../../../app/boot/plane/ports.js';
import type { Clock, Log, Service } from '../../../app/ports.js';
import { ListenError } from '../server.js';
import { createBufferPool } from './buffer-pool.js';
import { createFairLine } from './fair-line.js';
import { serveDevice, type DeviceRoutesDeps } from './device-routes.js';
import { plainAddress, serveBootFile } from './netboot-route.js';
import { createRateLimit } from './rate-limit.js';
import { sendRefusal, sendText } from './reply.js';
import type { SendDeps } from './send-file.js';

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface BootHttpDeps {
  readonly files: BootFiles;
  readonly api: DeviceApi;
  readonly cards: CardBoots;
  /** Path of a blob on this machine; undefined when it is not local. */
  readonly localPath: (digest: string) => string | undefined;
  readonly listen: readonly Address[];
  /** The same through TLS, with certificate and key in PEM. */
  readonly tls?: { readonly listen: readonly Address[]; readonly cert: Buffer; readonly key: Buffer } | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly exports: DeviceRoutesDeps['exports'];
  /** Bytes a second of all downloads together; undefined: no limit. */
  readonly downloadRate?: number | undefined;
  readonly limits?: Partial<typeof defaultLimits>;
  /** Told of each request that is over, and of bytes of files as they are sent. Must not throw. */
  readonly onAnswered?: ((status: number) => void) | undefined;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export interface BootHttpServer extends Service {
  /** `http://address:port` of each address, once started, and `https` behind them. */
  urls(): string[];
  /** Port of the first address, once started. */
  port(): number;
}

const defaultLimits = {
  /** Requests below /device/v1 of one address. A board sends a few dozen in a boot. */
  requestsPerSecond: 50,
  requestBurst: 500,
  /** Exchanges of one address: a guesser of secrets gets nowhere long before the universe ends. */
  exchangesPerSecond: 2,
  exchangeBurst: 60,
  /** Connections in all. */
  connections: 4_096,
};

const options = { maxHeaderSize: 8 * 1024 };

/** What one read from a blob brings. */
const bufferBytes = 1024 * 1024;
const pooledBuffers = 64;

/** The boot plane's HTTP listener: boot files, the device API, downloads of roots. Plain node:http, for what it costs per byte. */
export function createBootHttpServer(deps: BootHttpDeps): BootHttpServer {
  const { clock, log } = deps;
  const limits = { ...defaultLimits, ...deps.limits };
  const send: SendDeps = {
    pool: createBufferPool(bufferBytes, pooledBuffers),
    line: deps.downloadRate === undefined ? undefined : createFairLine(deps.downloadRate),
    onBytes: deps.onBytes,
    localPath: (digest) => {
      const path = deps.localPath(digest);
      if (path === undefined) throw new Error(`the blob ${digest} is not on this machine`);
      return path;
    },
  };
  const device: DeviceRoutesDeps = {
    ...{ api: deps.api, cards: deps.cards, send, clock, log, exports: deps.exports },
    requests: createRateLimit({ perSecond: limits.requestsPerSecond, burst: limits.requestBurst }, () => clock.now()),
    refusals: createRateLimit({ perSecond: limits.exchangesPerSecond, burst: limits.exchangeBurst }, () => clock.now()),
  };
  const servers: Server[] = [];

  const route = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = urlOf(request);
    if (url === undefined) return sendRefusal(response, 'request.invalid', 'The path of the request is not valid.');
    const path = url.pathname;
    if (path.startsWith(`${deviceApiBase}/`)) {
      const call = { request, response, url, address: plainAddress(request.socket.remoteAddress) };
      return serveDevice(device, call, path.slice(deviceApiBase.length));
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return sendRefusal(response, 'method.not-allowed', 'Use GET or HEAD.', { headers: { allow: 'GET, HEAD' } });
    }
    if (path.startsWith('/netboot/')) {
      return serveBootFile({ files: deps.files, send, clock, log }, request, response, path.slice('/netboot/'.length));
    }
    if (path === '/healthz') return sendText(response, 200, 'ok\n');
    return sendRefusal(response, 'route.not-found', 'There is nothing at this address.');
  };

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    response.once('close', () => deps.onAnswered?.(response.statusCode));
    route(request, response).catch((error: unknown) => {
      // A board that went away in the middle of its request is no fault of ours.
      if (request.destroyed && !request.complete) return;
      log.error({ err: error, path: urlOf(request)?.pathname }, 'a request of a board failed');
      if (response.headersSent) response.destroy();
      else sendRefusal(response, 'server.fault', 'The server made a mistake; its log has more.');
    });
  };

  const listenAt = async ({ host, port }: Address, server: Server): Promise<void> => {
    server.maxConnections = limits.connections;
    server.headersTimeout = 15_000;
    server.requestTimeout = 60_000;
    server.keepAliveTimeout = 15_000;
    // A download may be slow; one that does not move at all ends.
    server.setTimeout(120_000);
    servers.push(server);
    await listenOn(server, host, port);
  };

  const stop = async (): Promise<void> => {
    await Promise.all(servers.splice(0).map(close));
  };

  return {
    urls: () => servers.map(urlText),
    port: () => (servers[0]?.address() as AddressInfo | null)?.port ?? 0,
    stop,
    start: async (signal) => {
      signal.throwIfAborted();
      try {
        for (const address of deps.listen) await listenAt(address, createServer(options, handle));
        const { listen, ...pair } = deps.tls ?? { listen: [] };
        for (const address of listen) await listenAt(address, createTlsServer({ ...options, ...pair }, handle));
      } catch (error) {
        await stop();
        throw error;
      }
      log.info({ urls: servers.map(urlText) }, 'boot HTTP listens');
    },
  };
}

/** Requests name paths only; a whole URL in the request line is for proxies, which this is none. */
function urlOf(request: IncomingMessage): URL | undefined {
  const target = request.url ?? '';
  return target.startsWith('/') && URL.canParse(target, 'http://boot') && !target.startsWith('//')
    ? new URL(target, 'http://boot')
    : undefined;
}

const urlText = (server: Server): string => {
  const { address, port } = server.address() as AddressInfo;
  return `${server instanceof TlsServer ? 'https' : 'http'}://${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
};

const listenOn = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(new ListenError('Boot HTTP', host, port, error));
    server.once('error', failed);
    server.listen({ host, port, ipv6Only: isIP(host) === 6 }, () => {
      server.off('error', failed);
      resolve();
    });
  });

/** A running download is given this long. */
const graceMs = 3_000;

const close = async (server: Server): Promise<void> => {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
};
