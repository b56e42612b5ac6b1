/** The three DHCP clients on real sockets: what is sent when, and when a board gives up (wire reference, sections 1 to 3). */
import { createSocket, type Socket } from 'node:dgram';
import { numericLookup } from './addresses.js';
import { abortReason, type Clock } from './clock.js';
import { gather, judgeOffer, type Gathered, type OfferContext, type OfferedLease } from './dhcp-offers.js';
import {
  clientGuid,
  discoverPacket,
  requestPacket,
  romTransactionId,
  type DhcpIdentity,
  type Standing,
} from './dhcp-packets.js';
import { answers, readReply, type DhcpReply } from './dhcp-replies.js';
import type { Random } from './random.js';
import type { BoardEvent, BroadcastNetwork, DhcpKind, RelayNetwork } from './types.js';

export interface DhcpDependencies extends DhcpIdentity {
  readonly kind: DhcpKind;
  readonly network: BroadcastNetwork | RelayNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly emit: (event: BoardEvent) => void;
  /** A boot server known beforehand (TFTP_IP, HTTP_HOST): only an address is needed, and nothing offered outranks it. */
  readonly knownServer?: string;
}

/**
 * Why an exchange led nowhere. `no-offer`: silence. `unusable-offer`: only offers this board cannot take. `no-address`: a boot server but
 * nobody hands out addresses. `no-boot-server`: an address but no PXE menu or option 66. `no-ack`: the REQUEST was refused or not answered.
 */
export type DhcpFailure = 'no-offer' | 'unusable-offer' | 'no-address' | 'no-boot-server' | 'no-ack';

export type DhcpOutcome =
  | { readonly ok: true; readonly lease: OfferedLease; readonly server: string }
  | { readonly ok: false; readonly reason: DhcpFailure };

/** How often a client asks, in milliseconds of board time. The EEPROM's numbers come from its settings. */
const legacyRetry = { everyMs: 5_000, romTries: 5, bootcodeTries: 10 };

/** A bound socket that speaks with DHCP servers, as a broadcasting board or as one behind a relay. */
interface Link {
  readonly standing: Standing;
  /** A board behind a relay holds its address beforehand. */
  readonly held?: OfferedLease;
  send(packet: Buffer): Promise<void>;
  close(): void;
}

const bind = (socket: Socket, port: number, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.removeListener('error', reject);
      socket.on('error', () => undefined);
      resolve();
    });
  });

const sendTo = (socket: Socket, packet: Buffer, port: number, address: string): Promise<void> =>
  new Promise((resolve) => {
    // A refused or unroutable datagram is what a board would not notice either; its retry clock covers it.
    socket.send(packet, port, address, () => resolve());
  });

const openLink = async (
  network: BroadcastNetwork | RelayNetwork,
  onPacket: (packet: Buffer) => void,
): Promise<Link> => {
  const socket = createSocket({ type: 'udp4', reuseAddr: true, lookup: numericLookup });
  socket.on('message', onPacket);
  const serverPort = network.dhcpPort ?? 67;
  try {
    if (network.mode === 'relay') {
      await bind(socket, network.relayPort ?? serverPort, network.address);
      return {
        standing: { broadcastFlag: false, relay: network.address },
        held: { address: network.address, server: network.server },
        send: (packet) => sendTo(socket, packet, serverPort, network.server),
        close: () => socket.close(),
      };
    }
    await bind(socket, network.clientPort ?? 68, '0.0.0.0');
    socket.setBroadcast(true);
    const sender = network.sourceAddress === undefined ? socket : await openSender(network, network.sourceAddress);
    return {
      standing: { broadcastFlag: network.configureInterface !== true },
      send: (packet) => sendTo(sender, packet, serverPort, '255.255.255.255'),
      close: () => {
        socket.close();
        if (sender !== socket) sender.close();
      },
    };
  } catch (error) {
    socket.close();
    throw error;
  }
};

/** Broadcasts leave by the interface whose address theirs is; answers come to the socket that is bound to any. */
const openSender = async (network: BroadcastNetwork, address: string): Promise<Socket> => {
  const sender = createSocket({ type: 'udp4', reuseAddr: true });
  try {
    await bind(sender, network.clientPort ?? 68, address);
    sender.setBroadcast(true);
    return sender;
  } catch (error) {
    sender.close();
    throw error;
  }
};

/** Waits for packets with a deadline; one listener at a time. */
const createInbox = (clock: Clock, signal: AbortSignal | undefined) => {
  let listener: ((reply: DhcpReply) => void) | undefined;
  return {
    deliver: (reply: DhcpReply): void => listener?.(reply),
    /** Hands replies to `take` until it returns something, or `ms` of board time are over. */
    wait: <T>(ms: number, take: (reply: DhcpReply) => T | undefined): Promise<T | undefined> =>
      new Promise((resolve, reject) => {
        const end = (settle: () => void): void => {
          listener = undefined;
          timer.cancel();
          signal?.removeEventListener('abort', onAbort);
          settle();
        };
        const onAbort = (): void => end(() => reject(abortReason(signal)));
        const timer = clock.timer(ms, () => end(() => resolve(undefined)));
        signal?.addEventListener('abort', onAbort, { once: true });
        if (signal?.aborted === true) return onAbort();
        listener = (reply) => {
          const taken = take(reply);
          if (taken !== undefined) end(() => resolve(taken));
        };
      }),
  };
};

type Inbox = ReturnType<typeof createInbox>;

interface Exchange {
  readonly deps: DhcpDependencies;
  readonly link: Link;
  readonly inbox: Inbox;
  readonly xid: number;
  readonly context: OfferContext;
}

const complete = (found: Gathered, link: Link): DhcpOutcome | undefined => {
  const lease = found.lease ?? link.held;
  return lease !== undefined && found.bootServer !== undefined
    ? { ok: true, lease, server: found.bootServer }
    : undefined;
};

const failureOf = (found: Gathered, heard: boolean): DhcpFailure => {
  if (!heard) return 'no-offer';
  if (found.bootServer !== undefined) return 'no-address';
  return found.lease === undefined ? 'unusable-offer' : 'no-boot-server';
};

/** DISCOVERs until an address and a boot server are known: the address from one server, the menu perhaps from another. */
const discover = async (exchange: Exchange, waits: readonly number[]): Promise<{ found: Gathered; heard: boolean }> => {
  const { deps, link, inbox, xid, context } = exchange;
  let found: Gathered = deps.knownServer === undefined ? {} : { bootServer: deps.knownServer, byOption66: true };
  let heard = false;
  for (const [index, waitMs] of waits.entries()) {
    deps.emit({ type: 'dhcp-discover', client: deps.kind, attempt: index + 1, xid });
    const sentAt = deps.clock.now();
    let deaf = false;
    const waiting = inbox.wait(waitMs, (reply) => {
      if (reply.type !== 'offer' || deaf) return undefined;
      heard = true;
      deaf = deps.kind === 'rom' && deps.clock.boardTime(deps.clock.now() - sentAt) < deps.quirks.romDeafMs;
      const offer = deaf
        ? { verdict: 'lost: the mask ROM was answered too soon and is stuck' }
        : judgeOffer(context, reply);
      found = gather(found, offer);
      emitOffer(deps, reply, offer.verdict);
      return complete(found, link);
    });
    // Listening before sending: on loopback the answer can be quicker than the callback of the send.
    const [outcome] = await Promise.all([waiting, link.send(discoverPacket(deps.kind, deps, xid, link.standing))]);
    if (outcome !== undefined) break;
  }
  return { found, heard };
};

const emitOffer = (deps: DhcpDependencies, reply: DhcpReply, verdict: string): void => {
  const from = [...(reply.options.get(54) ?? [])].join('.');
  deps.emit({ type: 'dhcp-offer', from, address: reply.yiaddr ?? '', menu: reply.options.has(43), verdict });
};

/** The EEPROM's REQUEST; true on ACK, false on NAK or silence. */
const request = async (exchange: Exchange, lease: OfferedLease, waits: readonly number[]): Promise<boolean> => {
  const { deps, link, inbox, xid } = exchange;
  for (const waitMs of waits) {
    const waiting = inbox.wait(waitMs, (reply) => (reply.type === 'offer' ? undefined : reply));
    const [answer] = await Promise.all([waiting, link.send(requestPacket(deps, xid, link.standing, lease))]);
    if (answer?.type === 'ack') {
      deps.emit({ type: 'dhcp-ack', from: lease.server, address: answer.yiaddr ?? lease.address });
      return true;
    }
    if (answer?.type === 'nak') return false;
  }
  return false;
};

const legacyExchange = async (exchange: Exchange): Promise<DhcpOutcome> => {
  const tries = exchange.deps.kind === 'bc' ? legacyRetry.bootcodeTries : legacyRetry.romTries;
  const { found, heard } = await discover(exchange, new Array<number>(tries).fill(legacyRetry.everyMs));
  return complete(found, exchange.link) ?? { ok: false, reason: failureOf(found, heard) };
};

/** DHCP_REQ_TIMEOUT after DHCP_REQ_TIMEOUT, the last cut short by DHCP_TIMEOUT. */
export const eepromWaits = (total: number, each: number): readonly number[] =>
  Array.from({ length: Math.max(1, Math.ceil(total / each)) }, (_, index) => Math.min(each, total - index * each));

const eepromExchange = async (exchange: Exchange): Promise<DhcpOutcome> => {
  const { DHCP_TIMEOUT: total, DHCP_REQ_TIMEOUT: each } = exchange.deps.eeprom;
  const waits = eepromWaits(total, each);
  const { found, heard } = await discover(exchange, waits);
  const outcome = complete(found, exchange.link);
  if (outcome?.ok !== true) return { ok: false, reason: failureOf(found, heard) };
  // Behind a relay the board holds its own address; only one that was really offered is asked for.
  if (found.lease === undefined) return outcome;
  const acknowledged = await request(exchange, found.lease, waits);
  if (!acknowledged) return { ok: false, reason: 'no-ack' };
  return exchange.link.held === undefined ? outcome : { ...outcome, lease: exchange.link.held };
};

const transactionId = ({ kind, random }: DhcpDependencies): number =>
  kind === 'rom' || kind === 'rom-fixed' ? romTransactionId : random.uint32();

/**
 * One DHCP exchange of one client. What the network does wrong is a value.
 * @throws Error when the socket cannot be bound, or the signal is aborted.
 */
export const runDhcp = async (deps: DhcpDependencies, signal?: AbortSignal): Promise<DhcpOutcome> => {
  const xid = transactionId(deps);
  const inbox = createInbox(deps.clock, signal);
  const link = await openLink(deps.network, (packet) => {
    const reply = readReply(packet);
    if (reply !== undefined && answers(reply, xid, deps.identity.mac)) inbox.deliver(reply);
  });
  const context: OfferContext = {
    kind: deps.kind,
    eeprom: deps.eeprom,
    quirks: deps.quirks,
    guid: clientGuid(deps.kind, deps),
    behindRelay: deps.network.mode === 'relay',
  };
  try {
    const exchange = { deps, link, inbox, xid, context };
    return await (deps.kind === 'ee' ? eepromExchange(exchange) : legacyExchange(exchange));
  } finally {
    link.close();
  }
};
