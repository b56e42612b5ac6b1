import { networkInterfaces } from 'node:os';
import {
  decodeDhcp,
  encodeDhcp,
  option,
  proxyOffer,
  readMessageType,
  readText,
  recognise,
  replyRoute,
  anyAddress,
  limitedBroadcast,
  type BootAnswer,
  type DhcpMessage,
  type Recognised,
} from '@drover/protocols/dhcp';
import { createLeaseServer, type LeaseServer } from './lease-server.js';
import { resolveInterfaces, type ServedInterface } from './interfaces.js';
import { observationOf, otherServerEvent } from './observation.js';
import type { RefusedAddress } from '../udp/addresses.js';
import { openSockets, type Datagram, type DhcpSockets, type Outlet } from './sockets.js';
import type { DhcpDecision, DhcpListener, DhcpListenerDeps, DhcpObservation } from './types.js';

/** A DHCP server for boot clients: beside another one (proxy), or alone on a segment (full). */
export function createDhcpListener(deps: DhcpListenerDeps): DhcpListener {
  return new Listener(deps);
}

/** A client's message that is being answered. */
interface Arrival {
  readonly message: DhcpMessage;
  readonly client: Recognised;
  readonly observation: DhcpObservation;
  readonly datagram: Datagram;
  readonly at: number;
}

class Listener implements DhcpListener {
  private readonly deps: DhcpListenerDeps;
  private interfaces: readonly ServedInterface[] = [];
  private sockets: DhcpSockets | undefined;
  private leases: LeaseServer | undefined;
  /** Requests being decided or delayed: a client that repeats itself is answered once. */
  private readonly pending = new Set<string>();
  private stopped = false;

  constructor(deps: DhcpListenerDeps) {
    this.deps = deps;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { settings, log } = this.deps;
    if (settings.mode === 'off') return;
    this.interfaces = resolveInterfaces(settings.interfaces, networkInterfaces());
    if (settings.mode === 'full') this.leases = await createLeaseServer(this.deps, this.interfaces);
    const handlers = {
      onDatagram: (datagram: Datagram) => this.onDatagram(datagram),
      onReply: (bytes: Uint8Array, from: { readonly address: string }) => this.onReply(bytes, from.address),
    };
    this.sockets = await openSockets(settings, handlers, log);
    const [refused] = await this.open(this.interfaces);
    if (refused !== undefined) {
      await this.stop();
      throw refused.error;
    }
    signal.addEventListener('abort', () => void this.stop(), { once: true });
    log.info({ mode: settings.mode, interfaces: this.interfaces }, 'DHCP listens');
  }

  async serve(interfaces: readonly ServedInterface[]): Promise<readonly RefusedAddress[]> {
    return this.deps.settings.mode === 'proxy' ? this.open(interfaces) : [];
  }

  private async open(interfaces: readonly ServedInterface[]): Promise<readonly RefusedAddress[]> {
    const refused = (await this.sockets?.serve(interfaces.map(({ address }) => address))) ?? [];
    this.interfaces = interfaces.filter(({ address }) => !refused.some((each) => each.address === address));
    return refused;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.sockets?.close();
  }

  addresses(): readonly ServedInterface[] {
    return this.interfaces;
  }

  private onReply(bytes: Uint8Array, from: string): void {
    const decoded = decodeDhcp(bytes);
    const ours = this.interfaces.map(({ address }) => address);
    const event = decoded.ok ? otherServerEvent(decoded.message, from, ours) : undefined;
    if (event) this.deps.observe(event);
  }

  private onDatagram(datagram: Datagram): void {
    const decoded = decodeDhcp(datagram.bytes);
    if (!decoded.ok) {
      this.deps.log.debug({ from: datagram.from.address, why: decoded.error.message }, 'not a DHCP message');
      return;
    }
    const { message } = decoded;
    const type = readMessageType(message.options);
    if (message.op !== 'request' || type === undefined || this.isMisdirected(message, datagram)) return;
    const client = recognise(message, this.deps.settings.ouis);
    const observation = observationOf(message, client, type, datagram.door, datagram.outlet?.address);
    this.deps.observe({ kind: 'request', observation });
    if (!this.isForUs(observation)) return;

    const key = `${datagram.door} ${type} ${client.mac} ${message.xid} ${message.giaddr}`;
    if (this.pending.has(key)) return;
    if (this.pending.size >= this.deps.settings.pending) {
      this.deps.observe({ kind: 'ignored', observation, why: 'too many requests at once' });
      return;
    }
    this.pending.add(key);
    this.answer({ message, client, observation, datagram, at: this.deps.timers.now() })
      .catch((error: unknown) => this.deps.log.error({ client, error: String(error) }, 'DHCP answer failed'))
      .finally(() => this.pending.delete(key));
  }

  /**
   * A relayed message comes by unicast and only when relays are configured. A unicast without relay is for the server
   * that gave the lease: us in full mode only.
   */
  private isMisdirected({ giaddr }: DhcpMessage, { door, outlet }: Datagram): boolean {
    if (door === 'pxe') return false;
    const { relay, mode } = this.deps.settings;
    if (giaddr !== anyAddress) return !outlet || relay === 'off';
    return outlet !== undefined && mode !== 'full';
  }

  /** Beside another server only a boot client's DISCOVER, and what it asks on the PXE port, concern us. */
  private isForUs({ client, type, door }: DhcpObservation): boolean {
    if (this.leases && door === 'dhcp') return true;
    if (client.kind === 'other') return false;
    return door === 'pxe' ? type === 'request' || type === 'inform' : type === 'discover';
  }

  private async answer(arrival: Arrival): Promise<void> {
    const decision = await this.decide(arrival.observation);
    const addressOnly = this.leases !== undefined && arrival.datagram.door === 'dhcp';
    if (!decision.answer && !addressOnly) {
      this.deps.observe({ kind: 'ignored', observation: arrival.observation, why: decision.why });
      return;
    }
    await this.delay(arrival, decision);
    if (this.stopped) return;
    if (addressOnly) await this.answerWithLease(arrival, decision);
    else this.answerAsProxy(arrival, decision);
  }

  /** The decision, or "no" when it is too late to be worth sending. */
  private async decide(observation: DhcpObservation): Promise<DhcpDecision> {
    const { timers, settings, log } = this.deps;
    if (observation.client.kind === 'other') return { answer: false, why: 'no boot client' };
    let cancel = (): void => undefined;
    const late = new Promise<DhcpDecision>((resolve) => {
      const why = `no decision within ${settings.decideTimeoutMs} ms`;
      cancel = timers.after(settings.decideTimeoutMs, () => resolve({ answer: false, why }));
    });
    const decided = this.deps.decide(observation).catch((error: unknown): DhcpDecision => {
      log.error({ mac: observation.client.mac, error: String(error) }, 'deciding on a boot client failed');
      return { answer: false, why: 'the server could not decide; see its log' };
    });
    return Promise.race([decided, late]).finally(cancel);
  }

  private async delay({ observation, at }: Arrival, decision: DhcpDecision): Promise<void> {
    if (observation.type !== 'discover' || !decision.answer) return;
    const { timers, settings } = this.deps;
    const wanted = decision.delayMs ?? settings.delaysMs[observation.client.kind] ?? 0;
    const left = wanted - (timers.now() - at);
    if (left > 0) await new Promise<void>((resolve) => void timers.after(left, resolve));
  }

  private answerAsProxy(arrival: Arrival, decision: DhcpDecision): void {
    const { message, client, datagram, observation } = arrival;
    const outlets = datagram.outlet ? [datagram.outlet] : (this.sockets?.broadcasters() ?? []);
    for (const outlet of outlets) {
      const policy = { server: outlet.address, door: datagram.door, boot: bootOf(decision) };
      const answer = proxyOffer(message, client, policy);
      if (answer.ok) this.send(arrival, answer.reply, outlet);
      else this.deps.observe({ kind: 'ignored', observation, why: answer.why });
    }
  }

  private async answerWithLease(arrival: Arrival, decision: DhcpDecision): Promise<void> {
    const { message, client, observation } = arrival;
    const boot = decision.answer ? bootOf(decision) : undefined;
    const answer = await this.leases!.answer(message, client, boot);
    if (!answer.reply) this.deps.observe({ kind: 'ignored', observation, why: answer.why });
    else this.send(arrival, answer.reply, this.sockets!.broadcasters()[0]!);
  }

  private send(arrival: Arrival, reply: DhcpMessage, outlet: Outlet): void {
    if (this.stopped) return;
    const { settings, timers } = this.deps;
    const { datagram, client, at } = arrival;
    const to = this.destination(reply, datagram);
    outlet.send(encodeDhcp(reply), to.address, to.port);
    const bootFile = readText(reply.options, option.bootFileName);
    const type = readMessageType(reply.options);
    this.deps.observe({
      kind: 'answer',
      client,
      type: type === 'ack' || type === 'nak' ? type : 'offer',
      door: datagram.door,
      xid: reply.xid,
      server: outlet.address,
      ...(reply.yiaddr === anyAddress ? {} : { address: reply.yiaddr }),
      ...(bootFile === undefined ? {} : { bootFile }),
      ms: timers.now() - at,
    });
    this.deps.log.debug({ mac: client.mac, to, mode: settings.mode }, 'DHCP answer');
  }

  private destination(reply: DhcpMessage, { door, from }: Datagram): { address: string; port: number } {
    const { ports, relay } = this.deps.settings;
    if (door === 'pxe' && from.address !== anyAddress) return { address: from.address, port: from.port };
    const route = replyRoute(reply);
    if (route.by === 'relay') return { address: route.address, port: relay === 'on' ? ports.server : from.port };
    return { address: route.by === 'unicast' ? route.address : limitedBroadcast, port: ports.client };
  }
}

function bootOf(decision: DhcpDecision): BootAnswer {
  if (!decision.answer) return {};
  const { bootFile, bootServer } = decision;
  return { ...(bootFile === undefined ? {} : { bootFile }), ...(bootServer === undefined ? {} : { bootServer }) };
}
