import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createHandshake, faultOfExport, type NbdExportAnswer, type NbdSession } from '@drover/protocols/nbd';
import type { DiskExport, ExportDirectory } from '../../app/disks/ports.js';
import type { ListenerLog } from '../udp/log.js';
import { exportInfo } from './export-info.js';
import type { FailureLog } from './failure-log.js';
import type { PayloadBudget } from './payload-budget.js';
import type { PayloadPool } from './payload-pool.js';
import type { NbdSettings } from './settings.js';
import type { SlabPool } from './slab-pool.js';
import { Transmission } from './transmission.js';
import type { NbdClosedEvent, NbdOpenedEvent, NbdPeer, NbdTraffic } from './types.js';

export interface ConnectionDeps {
  readonly id: number;
  readonly socket: Socket;
  readonly peer: NbdPeer;
  readonly settings: NbdSettings;
  readonly exports: ExportDirectory;
  readonly budget: PayloadBudget;
  readonly slabs: SlabPool;
  readonly payloads: PayloadPool;
  readonly log: ListenerLog;
  readonly failures: FailureLog;
  now(): number;
  /** Runs the server's side of a TLS handshake; gives the socket to go on with, or undefined when it failed. */
  secure(socket: Socket): Promise<Duplex | undefined>;
  onServing(): void;
  onOpened(event: NbdOpenedEvent): void;
  onActive(connection: number): void;
  onClosed(event: NbdClosedEvent): void;
}

/** How long a client may take to hang up after we did, in milliseconds. */
const lingerMs = 5_000;
/** A client that we wait for has to move so many bytes within the stall time-out: a byte now and then keeps no memory. */
const leastProgress = 256 << 10;

/** One client, from its first byte to its last. */
export class Connection {
  /** Resolves when nothing of it is left: socket and export are closed. */
  readonly gone: Promise<void>;
  private readonly deps: ConnectionDeps;
  private readonly openedAt: number;
  private readonly handshake;
  private readonly abort = new AbortController();
  /** The socket, or TLS over it. */
  private stream: Duplex;
  private tls = false;
  private transmission: Transmission | undefined;
  private opened: { readonly name: string; readonly disk: DiskExport } | undefined;
  private ending: { readonly by: NbdClosedEvent['by']; readonly reason?: string } | undefined;
  private lastMove: number;
  private movedThen = 0;
  private requestsThen = 0;
  private hangUpAt: number | undefined;
  private closed = false;
  /** What the handshake waits for. */
  private pending: Promise<void> | undefined;

  constructor(deps: ConnectionDeps) {
    this.deps = deps;
    this.openedAt = deps.now();
    this.lastMove = this.openedAt;
    this.stream = deps.socket;
    const { tls, listExports, handshake: limits } = deps.settings;
    const mode = tls === undefined ? 'off' : tls.required ? 'required' : 'optional';
    this.handshake = createHandshake({ tls: mode, listExports, limits });
    this.gone = new Promise((resolve) => {
      deps.socket.once('close', () => {
        this.closed = true;
        void this.leave().then(resolve);
      });
    });
  }

  /** What went over it so far; undefined while it is in its handshake. */
  get traffic(): NbdTraffic | undefined {
    return this.transmission?.traffic;
  }

  start(): void {
    const { socket } = this.deps;
    // What went wrong with a socket is told by its closing.
    socket.on('error', () => undefined);
    socket.on('data', this.onHandshakeData);
    this.listenForEnd(socket);
    this.runHandshake();
  }

  /** Ends it in order: what is under way is answered. */
  end(reason: string): void {
    this.goodbye('ended', reason);
  }

  /** Called every second or so: deadlines. */
  tick(now: number): void {
    const { settings, socket } = this.deps;
    if (this.hangUpAt !== undefined) {
      if (now >= this.hangUpAt) socket.destroy();
      return;
    }
    if (!this.transmission) {
      if (now - this.openedAt >= settings.handshakeTimeoutMs) this.cutOff('its handshake took too long');
      return;
    }
    const { clientOwes, bytesMoved, requests } = this.transmission;
    if (requests !== this.requestsThen) this.deps.onActive(this.deps.id);
    this.requestsThen = requests;
    if (!clientOwes || bytesMoved - this.movedThen >= leastProgress) {
      this.lastMove = now;
      this.movedThen = bytesMoved;
    } else if (now - this.lastMove >= settings.stallTimeoutMs) {
      this.cutOff('it neither reads its replies nor ends its request');
    }
  }

  /** Ends it at once: the client breaks the rules, or the server cannot wait any longer. */
  cutOff(reason: string): void {
    if (this.closed) return;
    const { peer, failures, socket } = this.deps;
    this.ending ??= { by: 'cut-off', reason };
    failures.warn(peer.address, { peer, reason, ...this.label() }, 'NBD client cut off');
    socket.destroy();
  }

  private label(): { export?: string } {
    return this.opened ? { export: this.opened.disk.label } : {};
  }

  private goodbye(by: NbdClosedEvent['by'], reason?: string): void {
    if (this.closed || this.ending) return;
    this.ending = reason === undefined ? { by } : { by, reason };
    if (this.transmission) this.transmission.finish();
    else this.hangUp();
  }

  /** Everything is said. What the client still sends is read and dropped: closing at once could take back our last words. */
  private readonly hangUp = (): void => {
    if (this.hangUpAt !== undefined) return;
    this.hangUpAt = this.deps.now() + lingerMs;
    this.stream.resume();
    this.stream.end();
  };

  private listenForEnd(stream: Duplex): void {
    stream.on('end', () => this.goodbye('lost'));
  }

  private readonly onHandshakeData = (chunk: Uint8Array): void => {
    if (this.ending) return;
    this.handshake.push(chunk);
    this.runHandshake();
  };

  /** Carries out the handshake's steps until it needs bytes, or something that takes time. */
  private runHandshake(): void {
    for (;;) {
      if (this.closed || this.ending) return;
      const step = this.handshake.next();
      switch (step.kind) {
        case 'more':
          this.stream.resume();
          return;
        case 'send':
          this.stream.write(step.bytes);
          break;
        case 'open':
          return this.pauseFor(this.open(step.name));
        case 'list':
          return this.pauseFor(this.list());
        case 'start-tls':
          return this.pauseFor(this.startTls(step.bytes));
        case 'transmission':
          this.stream.write(step.bytes);
          return this.serve(step.session, step.rest);
        case 'end':
          this.stream.write(step.bytes);
          if (step.fault === undefined) return this.goodbye('disconnect');
          return this.cutOff(step.fault);
      }
    }
  }

  private pauseFor(work: Promise<void>): void {
    this.stream.pause();
    this.pending = work.then(
      () => this.runHandshake(),
      (error: unknown) => {
        this.deps.log.error({ err: error, peer: this.deps.peer }, 'an NBD handshake failed');
        this.deps.socket.destroy();
      },
    );
  }

  private async list(): Promise<void> {
    this.handshake.listed((await this.deps.exports.list?.(this.deps.peer.address)) ?? []);
  }

  /** The export of that name, opened once for all options that name it. */
  private async open(name: string): Promise<void> {
    if (this.opened?.name !== name) {
      await this.closeExport();
      const refused = await this.openExport(name);
      if (this.closed) return;
      if (refused) return this.handshake.opened(refused);
    }
    if (this.opened) this.handshake.opened({ ok: true, info: exportInfo(this.opened.disk, this.deps.settings) });
  }

  private async openExport(name: string): Promise<(NbdExportAnswer & { ok: false }) | undefined> {
    const { exports, peer, id, log, settings } = this.deps;
    const connection = { id, end: (reason: string) => this.end(reason) };
    const { signal } = this.abort;
    const answer = await exports.open({ name, peerAddress: peer.address, connection, tls: this.tls, signal });
    if (!answer.ok) return answer;
    const disk = answer.export;
    const fault = faultOfExport(exportInfo(disk, settings));
    this.opened = { name, disk };
    if (fault === undefined) return undefined;
    log.error({ export: disk.label, fault }, 'an export cannot be offered');
    await this.closeExport();
    return { ok: false, reason: 'policy', message: 'the export cannot be offered; the log of the server says why' };
  }

  private async closeExport(): Promise<void> {
    const { opened } = this;
    this.opened = undefined;
    await opened?.disk.close().catch((error: unknown) => {
      this.deps.log.error({ err: error, export: opened.disk.label }, 'an export was not closed in order');
    });
  }

  private async startTls(ack: Uint8Array): Promise<void> {
    const { socket } = this.deps;
    await this.closeExport();
    socket.off('data', this.onHandshakeData);
    await new Promise<void>((resolve) => socket.write(ack, () => resolve()));
    if (this.closed) return;
    const stream = await this.deps.secure(socket);
    if (!stream) return void socket.destroy();
    stream.on('error', () => undefined);
    stream.on('data', this.onHandshakeData);
    stream.pause();
    this.listenForEnd(stream);
    this.stream = stream;
    this.tls = true;
    this.handshake.secured();
  }

  private serve(session: NbdSession, rest: Uint8Array): void {
    const { opened, stream } = this;
    if (!opened) throw new Error('no export is open');
    const { settings, budget, slabs, payloads, failures, id, peer } = this.deps;
    const transmission = new Transmission({
      ...{ socket: stream, session, disk: opened.disk, settings, budget, slabs, payloads },
      onFault: (reason) => this.cutOff(reason),
      onDiskFault: (error) =>
        failures.warn(
          `disk ${opened.disk.label}`,
          { err: error, export: opened.disk.label },
          'a disk operation failed',
        ),
      onDisconnect: () => this.goodbye('disconnect'),
      onFinished: this.hangUp,
    });
    this.transmission = transmission;
    this.lastMove = this.deps.now();
    this.deps.onServing();
    this.deps.onOpened({ connection: id, peer, export: opened.disk, tls: this.tls });
    stream.off('data', this.onHandshakeData);
    stream.on('data', (chunk: Uint8Array) => transmission.receive(chunk));
    transmission.receive(rest);
  }

  /** The socket is closed. */
  private async leave(): Promise<void> {
    this.abort.abort();
    await this.pending;
    const { opened, transmission } = this;
    await transmission?.close();
    await this.closeExport();
    if (!opened || !transmission) return;
    const { deps } = this;
    const { id, peer } = deps;
    const { by, reason } = this.ending ?? { by: 'lost' as const, reason: undefined };
    deps.onClosed({
      ...{ connection: id, peer, export: opened.disk, tls: this.tls },
      traffic: { ...transmission.traffic },
      ms: deps.now() - this.openedAt,
      by,
      ...(reason === undefined ? {} : { reason }),
    });
  }
}
