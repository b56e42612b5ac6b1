import { createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import { ListenError } from '../http/server.js';
import { createConnectionAdmission, type ConnectionAdmission } from './admission.js';
import { Connection } from './connection.js';
import { createFailureLog, type FailureLog } from './failure-log.js';
import { createPayloadBudget, type PayloadBudget } from './payload-budget.js';
import { createPayloadPool, type PayloadPool } from './payload-pool.js';
import { createSlabPool, type SlabPool } from './slab-pool.js';
import { createTlsUpgrade, type TlsUpgrade } from './tls.js';
import { addTraffic, createTrafficCount } from './traffic.js';
import type { NbdListener, NbdListenerDeps, NbdPeer, NbdTraffic } from './types.js';

const slabBytes = 64 << 10;
const keptSlabs = 64;
const keptPayloadBytes = 32 << 20;
/** Precision of time-outs in milliseconds. */
const tickMs = 1_000;

/**
 * An NBD server on given addresses: fixed newstyle negotiation, simple and structured replies, TLS by STARTTLS. It knows
 * clients, their limits and the protocol, and nothing of disks.
 */
export function createNbdListener(deps: NbdListenerDeps): NbdListener {
  return new Listener(deps);
}

class Listener implements NbdListener {
  private readonly deps: NbdListenerDeps;
  private readonly admission: ConnectionAdmission;
  private readonly budget: PayloadBudget;
  private readonly slabs: SlabPool = createSlabPool(slabBytes, keptSlabs);
  private readonly payloads: PayloadPool = createPayloadPool(keptPayloadBytes);
  private readonly failures: FailureLog;
  private readonly tls: TlsUpgrade | undefined;
  private readonly servers: Server[] = [];
  private readonly connections = new Set<Connection>();
  private lastId = 0;
  private stopTicking: (() => void) | undefined;
  private stopping: Promise<void> | undefined;

  constructor(deps: NbdListenerDeps) {
    const { settings, timers, log } = deps;
    this.deps = deps;
    this.admission = createConnectionAdmission(settings);
    this.budget = createPayloadBudget(settings.totalBytesInFlight);
    this.failures = createFailureLog(log, () => timers.now());
    this.tls = settings.tls && createTlsUpgrade(settings.tls.options);
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { settings, timers, log } = this.deps;
    try {
      for (const { host, port } of settings.listen) await this.listen(host, port);
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.stopTicking = timers.every(tickMs, () => {
      const now = timers.now();
      for (const connection of this.connections) connection.tick(now);
    });
    signal.addEventListener('abort', () => void this.stop(), { once: true });
    log.info({ addresses: this.addresses() }, 'NBD listens');
  }

  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  addresses(): readonly NbdPeer[] {
    return this.servers
      .map((server) => server.address() as AddressInfo | null)
      .filter((address) => address !== null)
      .map(({ address, port }) => ({ address, port }));
  }

  active(): { readonly handshakes: number; readonly serving: number } {
    return this.admission.active();
  }

  traffic(): NbdTraffic {
    const sum = createTrafficCount();
    for (const { traffic } of this.connections) {
      if (traffic !== undefined) addTraffic(sum, traffic);
    }
    return sum;
  }

  private async close(): Promise<void> {
    const closed = this.servers.map((server) => new Promise<void>((resolve) => void server.close(() => resolve())));
    for (const connection of this.connections) connection.end('the server stops');
    const cancel = this.deps.timers.after(this.deps.settings.stopTimeoutMs, () => {
      for (const connection of this.connections) connection.cutOff('the server stops and cannot wait');
    });
    await Promise.all([...this.connections].map(({ gone }) => gone));
    cancel();
    this.stopTicking?.();
    await Promise.all(closed);
  }

  private listen(host: string, port: number): Promise<void> {
    const server = createServer(
      {
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: this.deps.settings.keepAliveMs,
      },
      (socket) => this.accept(socket),
    );
    this.servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError('NBD', host, port, error)));
      server.listen({ host, port, ipv6Only: isIP(host) === 6 }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) => this.deps.log.warn({ err: error }, 'NBD cannot accept a connection'));
        resolve();
      });
    });
  }

  private accept(socket: Socket): void {
    const peer = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
    const admitted = this.stopping ? 'the server stops' : this.admission.admit(peer.address);
    if (typeof admitted === 'string') {
      this.failures.warn(peer.address, { peer, reason: admitted }, 'NBD client not let in');
      socket.on('error', () => undefined);
      socket.destroy();
      return;
    }
    const { deps } = this;
    const { settings, exports, log, timers } = deps;
    this.lastId += 1;
    const connection = new Connection({
      ...{ id: this.lastId, socket, peer, settings, exports, log },
      ...{ budget: this.budget, slabs: this.slabs, payloads: this.payloads, failures: this.failures },
      now: () => timers.now(),
      secure: (raw) => this.tls?.secure(raw) ?? Promise.resolve(undefined),
      onServing: () => admitted.served(),
      onOpened: (event) => deps.onOpened?.(event),
      onActive: (id) => deps.onActive?.(id),
      onClosed: (event) => deps.onClosed?.(event),
    });
    this.connections.add(connection);
    void connection.gone.then(() => {
      this.connections.delete(connection);
      admitted.released();
    });
    connection.start();
  }
}

/** An IPv4 client of an IPv6 socket is the IPv4 client it is. */
const plainAddress = (address = ''): string => address.replace(/^::ffff:(?=\d+\.)/, '');
