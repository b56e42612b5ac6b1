import type { Socket } from 'node:dgram';
import {
  decodeTftp,
  encodeTftp,
  errorCode,
  normaliseTftpPath,
  opcode,
  refuseRequest,
  type TftpOutcome,
  type TftpRequest,
} from '@drover/protocols/tftp';
import { addressChanges, openEach, type RefusedAddress } from '../udp/addresses.js';
import { bindSocket, closeSocket, udpSocket } from '../udp/socket.js';
import { createAdmission, type Admission } from './admission.js';
import { sharePort } from './channel.js';
import { createDeadlines, type Deadlines } from './deadlines.js';
import { createPacketCache, type PacketCache } from './packet-cache.js';
import { createSession, type Session, type SessionRequest } from './session.js';
import type { TftpListener, TftpListenerDeps, TftpPeer, TftpTransferEvent } from './types.js';

/** One address we listen on. */
interface Door {
  readonly address: string;
  readonly port: number;
  readonly socket: Socket;
  /**
   * Short answers to requests that open no transfer. A port of its own and not the listening one, because a reply from
   * there is what RFC 1350 section 4 makes clients expect; one for all, because nothing comes back to it.
   */
  readonly refusals: Socket;
  /** Sessions by the client's address and port: a repeated request must find the first. */
  readonly sessions: Map<string, Session>;
  readonly deadlines: Deadlines;
  /** Its address is not served any more: it takes no new requests and is closed once its transfers are over. */
  retired: boolean;
}

const hint =
  'Stop that TFTP server (a dnsmasq needs its enable-tftp line removed), or set another address or port for tftp.';
/** Bursts of requests wait here while the event loop is busy; the kernel cuts it to net.core.rmem_max. */
const receiveBuffer = 1 << 20;

/** A read-only TFTP server on given addresses (RFC 1350, 2347, 2348, 2349, 7440). */
export function createTftpListener(deps: TftpListenerDeps): TftpListener {
  return new Listener(deps);
}

class Listener implements TftpListener {
  private readonly deps: TftpListenerDeps;
  private readonly admission: Admission;
  private readonly cache: PacketCache;
  /** By address; retired ones too. */
  private readonly doors = new Map<string, Door>();
  private readonly closing = new Map<string, Promise<unknown>>();
  private deadlines: Deadlines | undefined;
  private stopping: Promise<void> | undefined;

  constructor(deps: TftpListenerDeps) {
    this.deps = deps;
    this.admission = createAdmission(deps.settings);
    this.cache = createPacketCache(deps.settings.cacheBytes);
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.deadlines = createDeadlines(this.deps.timers, (now) => this.admission.sweep(now));
    const [refused] = await this.serve(this.deps.settings.addresses);
    if (refused !== undefined) {
      await this.stop();
      throw refused.error;
    }
    signal.addEventListener('abort', () => void this.stop(), { once: true });
    this.deps.log.info({ addresses: this.addresses() }, 'TFTP listens');
  }

  async serve(addresses: readonly string[]): Promise<readonly RefusedAddress[]> {
    const { open, close } = addressChanges(
      this.addresses().map(({ address }) => address),
      addresses,
    );
    for (const address of close) this.retire(this.doors.get(address)!);
    return openEach(open, (address) => this.openOrRevive(address));
  }

  /** An address may go and come back in a moment, and running transfers outlive that: their sockets stay bound to it. */
  private async openOrRevive(address: string): Promise<void> {
    const known = this.doors.get(address);
    if (known !== undefined) {
      known.retired = false;
      return;
    }
    await this.closing.get(address);
    if (this.stopping || !this.deadlines) return;
    const door = await this.openDoor(address, this.deadlines);
    this.doors.set(address, door);
    if (this.stopping) await this.closeDoor(door);
  }

  private retire(door: Door): void {
    door.retired = true;
    if (door.sessions.size === 0) void this.closeDoor(door);
  }

  private closeDoor(door: Door): Promise<unknown> {
    this.doors.delete(door.address);
    const closed = Promise.all([closeSocket(door.socket), closeSocket(door.refusals)]);
    const forget = closed.finally(() => {
      if (this.closing.get(door.address) === forget) this.closing.delete(door.address);
    });
    this.closing.set(door.address, forget);
    return forget;
  }

  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    const doors = [...this.doors.values()];
    for (const { sessions } of doors) for (const session of sessions.values()) session.shutDown();
    this.deadlines?.stop();
    await Promise.all([...doors.map((door) => this.closeDoor(door)), ...this.closing.values()]);
  }

  addresses(): readonly TftpPeer[] {
    return [...this.doors.values()].filter(({ retired }) => !retired).map(({ address, port }) => ({ address, port }));
  }

  active(): number {
    return this.admission.active();
  }

  private async openDoor(address: string, deadlines: Deadlines): Promise<Door> {
    const socket = udpSocket(address, { recvBufferSize: receiveBuffer });
    await bindSocket(socket, address, this.deps.settings.port, { service: 'TFTP', hint });
    const refusals = this.deps.settings.singlePort ? socket : await this.openRefusals(address, socket);
    for (const each of new Set([socket, refusals])) {
      each.on('error', (error) => this.deps.log.warn({ address, error: error.message }, 'TFTP socket error'));
    }
    const { port } = socket.address();
    const door: Door = { address, port, socket, refusals, sessions: new Map(), deadlines, retired: false };
    socket.on('message', (bytes, { address, port }) => this.onDatagram(door, bytes, { address, port }));
    return door;
  }

  private async openRefusals(address: string, socket: Socket): Promise<Socket> {
    const refusals = udpSocket(address);
    try {
      await bindSocket(refusals, address, 0, { service: 'TFTP', hint });
      return refusals;
    } catch (error) {
      await closeSocket(socket);
      throw error;
    }
  }

  private onDatagram(door: Door, bytes: Uint8Array, client: TftpPeer): void {
    // Port 0 cannot be answered, and answering a server port would set two servers talking to each other.
    if (this.stopping || client.port === 0 || client.port === door.port) return;
    const decoded = isRequest(bytes) ? decodeTftp(bytes) : undefined;
    if (!decoded) {
      if (this.deps.settings.singlePort) door.sessions.get(sessionKey(client))?.receive(bytes);
    } else if (door.retired) {
      return;
    } else if (!decoded.ok) {
      this.refuse(door, client, '', errorCode.illegalOperation, decoded.error.message);
    } else if (decoded.packet.op === 'rrq' || decoded.packet.op === 'wrq') {
      this.onRequest(door, bytes, decoded.packet, client);
    }
  }

  private onRequest(door: Door, bytes: Uint8Array, request: TftpRequest, client: TftpPeer): void {
    const earlier = door.sessions.get(sessionKey(client));
    if (earlier?.isRepeat(bytes)) return earlier.repeat();
    // A client cannot run two transfers on one port: it has given up the first.
    earlier?.supersede();
    const refusal = refuseRequest(request);
    if (refusal) return this.refuse(door, client, request.filename, refusal.code, refusal.message);
    const path = normaliseTftpPath(request.filename);
    if (!path.ok) return this.refuse(door, client, request.filename, path.code, path.message);
    const full = this.admission.admit(client.address, this.deps.timers.now());
    if (full !== undefined) return this.refuse(door, client, path.path, errorCode.undefined, full);
    this.openSession(door, { request, bytes: Uint8Array.from(bytes), path: path.path, client });
  }

  private openSession(door: Door, asked: Omit<SessionRequest, 'localAddress'>): void {
    const key = sessionKey(asked.client);
    const session = createSession(
      { ...asked, localAddress: door.address },
      {
        ...this.deps,
        cache: this.cache,
        admission: this.admission,
        deadlines: door.deadlines,
        channel: this.deps.settings.singlePort ? sharePort(door.socket, asked.client) : undefined,
        refusals: door.refusals,
        onEnd: () => {
          if (door.sessions.get(key) === session) door.sessions.delete(key);
          if (door.retired && door.sessions.size === 0) void this.closeDoor(door);
        },
      },
    );
    door.sessions.set(key, session);
    session.start();
  }

  private refuse(door: Door, client: TftpPeer, raw: string, code: number, message: string): void {
    door.refusals.send(encodeTftp({ op: 'error', code, message }), client.port, client.address);
    this.deps.onTransfer(refusedEvent(door, client, raw, { kind: 'rejected', code, message }));
  }
}

const isRequest = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && (bytes[1] === opcode.rrq || bytes[1] === opcode.wrq);

const sessionKey = ({ address, port }: TftpPeer): string => `${address} ${port}`;

function refusedEvent(door: Door, client: TftpPeer, raw: string, outcome: TftpOutcome): TftpTransferEvent {
  return {
    path: raw.slice(0, 255),
    client,
    localAddress: door.address,
    outcome,
    size: 0,
    bytes: 0,
    blocks: 0,
    ms: 0,
    blksize: 0,
    windowsize: 0,
    tsize: false,
    retransmits: 0,
    duplicateAcks: 0,
    repeats: 0,
    answered: true,
  };
}
