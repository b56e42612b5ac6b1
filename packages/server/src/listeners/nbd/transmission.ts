import type { Duplex } from 'node:stream';
import {
  command,
  commandFlag,
  createRequestParser,
  refuseRequest,
  rulesOf,
  type NbdRefusal,
  type NbdRequestParser,
  type NbdRules,
  type NbdSession,
} from '@drover/protocols/nbd';
import type { DiskContent, DiskExport, Soon } from '../../app/disks/ports.js';
import { liesIn } from './content.js';
import { diskFailure } from './disk-errors.js';
import { InFlight } from './in-flight.js';
import { Outbox } from './outbox.js';
import type { PayloadBudget } from './payload-budget.js';
import type { PayloadPool } from './payload-pool.js';
import { Replier } from './replier.js';
import type { NbdSettings } from './settings.js';
import type { SlabPool } from './slab-pool.js';
import { createTrafficCount } from './traffic.js';

export interface TransmissionDeps {
  readonly socket: Duplex;
  readonly session: NbdSession;
  readonly disk: DiskExport;
  readonly settings: Pick<NbdSettings, 'requestsInFlight' | 'bytesInFlight'>;
  readonly budget: PayloadBudget;
  readonly slabs: SlabPool;
  readonly payloads: PayloadPool;
  /** The client speaks no NBD; the connection is to be cut. */
  onFault(reason: string): void;
  /** An operation failed in a way it should not. */
  onDiskFault(cause: unknown): void;
  /** The client has said goodbye. */
  onDisconnect(): void;
  /** After `finish`: everything that was under way is answered, and the answers are sent. */
  onFinished(): void;
}

/**
 * The transmission phase of one connection: requests in, operations of the disk, replies out, in any order.
 *
 * A request is in flight until its reply has left for the network. When as many are in flight as the settings allow,
 * the next one waits in the parser and nothing more is read from the socket, so TCP slows the client down.
 * An operation that answers at once costs no promise, and neither it nor its request any object.
 */
export class Transmission {
  readonly traffic = createTrafficCount();
  private readonly deps: TransmissionDeps;
  private readonly disk: DiskExport;
  private readonly inFlight: InFlight;
  private readonly parser: NbdRequestParser = createRequestParser();
  private readonly rules: NbdRules;
  private readonly outbox: Outbox;
  private readonly replier: Replier;
  /** Operations the disk has not completed. */
  private operations = 0;
  /** Why a WRITE is refused whose payload is still coming. */
  private pendingRefusal: NbdRefusal | undefined;
  /** The request in the parser has no room yet. */
  private held = false;
  private working = false;
  private finishing = false;
  private closed = false;
  private moved = 0;
  private idle: (() => void) | undefined;

  constructor(deps: TransmissionDeps) {
    this.deps = deps;
    this.disk = deps.disk;
    this.inFlight = new InFlight(deps.settings, deps.budget, () => this.retry());
    this.rules = rulesOf(deps.session);
    this.outbox = new Outbox(deps.socket, deps.slabs, deps.payloads, {
      sent: (replies, cost, bytes) => this.release(replies, cost, bytes),
    });
    this.replier = new Replier(this.outbox, deps.session);
  }

  /** Bytes from the client; the socket is paused when there is no room for more. */
  receive(chunk: Uint8Array): void {
    if (this.finishing || this.closed) return;
    this.moved += chunk.length;
    this.parser.push(chunk);
    this.work();
    this.outbox.flush();
  }

  /** Takes up no further request. `onFinished` follows. */
  finish(): void {
    if (this.finishing) return;
    this.finishing = true;
    this.forget();
    this.deps.socket.resume();
    this.settle();
  }

  /** The socket is gone. Resolves when the disk has completed everything. */
  async close(): Promise<void> {
    this.closed = true;
    this.forget();
    this.outbox.close();
    if (this.operations > 0) await new Promise<void>((resolve) => (this.idle = resolve));
    this.inFlight.close();
  }

  /** It is the client's turn: to read its replies, or to send the rest of its request. */
  get clientOwes(): boolean {
    return this.operations === 0 && (this.outbox.busy || this.parser.inPayload);
  }

  /** Bytes in both directions so far. */
  get bytesMoved(): number {
    return this.moved;
  }

  /** Requests that were taken up so far. */
  get requests(): number {
    const { readRequests, writeRequests, otherRequests } = this.traffic;
    return readRequests + writeRequests + otherRequests;
  }

  private forget(): void {
    this.held = false;
    this.inFlight.stopAsking();
  }

  /** Takes up requests until there are no more, or no room for more. */
  private work(): void {
    if (this.working) return;
    this.working = true;
    while (!this.closed && !this.finishing && this.step());
    this.working = false;
  }

  /** False when nothing can be done now. */
  private step(): boolean {
    if (this.held) return this.takeUp();
    switch (this.parser.next()) {
      case 'request':
        return this.takeUp();
      case 'payload':
        this.write(this.parser.payload(), true);
        return true;
      case 'skipped':
        if (this.pendingRefusal) this.answerRefused(this.pendingRefusal);
        return true;
      case 'more':
        if (this.deps.socket.isPaused()) this.deps.socket.resume();
        return false;
      case 'fault':
        this.deps.onFault('a request does not begin with the magic number');
        return false;
    }
  }

  /** Carries out the request in the parser, or holds it until there is room. */
  private takeUp(): boolean {
    const { parser } = this;
    if (parser.type === command.disc) {
      this.deps.onDisconnect();
      return false;
    }
    const refusal = refuseRequest(parser, this.rules);
    const cost = refusal || parser.type > command.write ? 0 : parser.length;
    this.held = !this.inFlight.admit(cost);
    if (this.held) {
      this.deps.socket.pause();
      this.outbox.flush();
      return false;
    }
    if (refusal) this.refuse(refusal);
    else this.carryOut();
    return true;
  }

  private refuse(refusal: NbdRefusal): void {
    if (this.parser.type === command.write) {
      this.parser.skipPayload();
      this.pendingRefusal = refusal;
    } else this.answerRefused(refusal);
  }

  /** Answers the request whose header is in the parser. */
  private answerRefused({ error, message }: NbdRefusal): void {
    this.pendingRefusal = undefined;
    this.traffic.failedRequests += 1;
    this.replier.refused(error, message, this.parser.cookieHigh, this.parser.cookieLow);
    this.outbox.endReply(0);
  }

  private retry(): void {
    this.work();
    this.outbox.flush();
  }

  /** Bytes have been sent, and so many replies with them: there is room again. */
  private release(replies: number, cost: number, bytes: number): void {
    this.moved += bytes;
    this.inFlight.release(replies, cost);
    if (this.held) this.work();
    if (this.finishing) this.settle();
  }

  private carryOut(): void {
    const { parser } = this;
    const { type, flags, offset, length, cookieHigh, cookieLow } = parser;
    if (type === command.read) {
      return this.read(offset, length, (flags & commandFlag.df) !== 0, cookieHigh, cookieLow);
    }
    if (type !== command.write) return this.carryOutOther(type, flags, offset, length, cookieHigh, cookieLow);
    const payload = parser.takePayload(this.deps.payloads.take);
    if (payload) this.write(payload, false);
  }

  private carryOutOther(
    type: number,
    flags: number,
    offset: number,
    length: number,
    cookieHigh: number,
    cookieLow: number,
  ): void {
    const { disk } = this;
    const has = (flag: number): boolean => (flags & flag) !== 0;
    const fua = has(commandFlag.fua);
    switch (type) {
      case command.flush:
        return this.plain(() => disk.flush?.(), cookieHigh, cookieLow);
      case command.trim:
        return this.plain(() => disk.trim?.(offset, length, fua), cookieHigh, cookieLow);
      case command.cache:
        return this.plain(() => disk.cache?.(offset, length), cookieHigh, cookieLow);
      case command.writeZeroes: {
        const how = { fua, noHole: has(commandFlag.noHole), fast: has(commandFlag.fastZero) };
        return this.plain(() => disk.writeZeroes?.(offset, length, how), cookieHigh, cookieLow);
      }
      case command.blockStatus:
        return this.blockStatus(offset, length, has(commandFlag.reqOne), cookieHigh, cookieLow);
    }
  }

  private read(offset: number, length: number, whole: boolean, cookieHigh: number, cookieLow: number): void {
    this.traffic.readRequests += 1;
    this.traffic.readBytes += length;
    const { payloads } = this.deps;
    const memory = length > payloads.mostBytes ? undefined : payloads.take(length);
    let content: Soon<DiskContent>;
    try {
      content = this.disk.read(offset, length, memory);
    } catch (error) {
      return this.failed(error, length, cookieHigh, cookieLow);
    }
    if (content instanceof Promise)
      return this.readLater(content, memory, offset, length, whole, cookieHigh, cookieLow);
    this.answerRead(content, memory, offset, length, whole, cookieHigh, cookieLow);
  }

  private readLater(
    content: Promise<DiskContent>,
    memory: Uint8Array | undefined,
    offset: number,
    length: number,
    whole: boolean,
    cookieHigh: number,
    cookieLow: number,
  ): void {
    this.later(
      content,
      (value) => this.answerRead(value, memory, offset, length, whole, cookieHigh, cookieLow),
      (error) => this.failed(error, length, cookieHigh, cookieLow),
    );
  }

  private answerRead(
    content: DiskContent,
    memory: Uint8Array | undefined,
    offset: number,
    length: number,
    whole: boolean,
    cookieHigh: number,
    cookieLow: number,
  ): void {
    if (this.replier.content(content, offset, length, whole, cookieHigh, cookieLow)) this.outbox.endReply(length);
    else {
      const fault = new Error(`${length} bytes were to be read at ${offset}, and the disk gave another number`);
      this.failed(fault, length, cookieHigh, cookieLow);
    }
    if (memory === undefined) return;
    if (liesIn(content, memory)) this.outbox.lend(memory);
    else this.deps.payloads.give(memory);
  }

  /** Carries out the WRITE whose header is in the parser. `isOurs`: the payload is memory of the pool. */
  private write(payload: Uint8Array, isOurs: boolean): void {
    const { offset, flags, cookieHigh, cookieLow } = this.parser;
    const { length } = payload;
    this.traffic.writeRequests += 1;
    this.traffic.writtenBytes += length;
    let done: Soon<void>;
    try {
      done = this.disk.write(offset, payload, (flags & commandFlag.fua) !== 0);
    } catch (error) {
      return this.failed(error, length, cookieHigh, cookieLow);
    }
    // After a failure it is not known whether the disk is done with it.
    const given = isOurs ? payload : undefined;
    if (done instanceof Promise) return this.doneLater(done, length, cookieHigh, cookieLow, given);
    this.replier.done(cookieHigh, cookieLow);
    this.outbox.endReply(length);
    if (given) this.deps.payloads.give(given);
  }

  /** An operation without payload in either direction. */
  private plain(operate: () => Soon<void>, cookieHigh: number, cookieLow: number): void {
    this.traffic.otherRequests += 1;
    let done: Soon<void>;
    try {
      done = operate();
    } catch (error) {
      return this.failed(error, 0, cookieHigh, cookieLow);
    }
    if (done instanceof Promise) return this.doneLater(done, 0, cookieHigh, cookieLow);
    this.replier.done(cookieHigh, cookieLow);
    this.outbox.endReply(0);
  }

  private doneLater(
    done: Promise<void>,
    cost: number,
    cookieHigh: number,
    cookieLow: number,
    payload?: Uint8Array,
  ): void {
    this.later(
      done,
      () => {
        if (payload) this.deps.payloads.give(payload);
        this.replier.done(cookieHigh, cookieLow);
        this.outbox.endReply(cost);
      },
      (error) => this.failed(error, cost, cookieHigh, cookieLow),
    );
  }

  private blockStatus(offset: number, length: number, one: boolean, cookieHigh: number, cookieLow: number): void {
    this.traffic.otherRequests += 1;
    const answer = async (): Promise<void> => {
      const extents = (await this.disk.blockStatus?.(offset, length, one)) ?? [];
      this.replier.status(extents, length, one, cookieHigh, cookieLow);
      this.outbox.endReply(0);
    };
    this.later(
      answer(),
      () => undefined,
      (error) => this.failed(error, 0, cookieHigh, cookieLow),
    );
  }

  private later<T>(operation: Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
    this.operations += 1;
    operation.then(
      (value) => {
        if (!this.completed()) return;
        done(value);
        this.answered();
      },
      (error: unknown) => {
        if (!this.completed()) return;
        failed(error);
        this.answered();
      },
    );
  }

  /** An operation is over; false when nobody waits for its answer any more. */
  private completed(): boolean {
    this.operations -= 1;
    if (this.closed && this.operations === 0) this.idle?.();
    return !this.closed;
  }

  /** What gathers until the event loop has gone round is sent in one go. */
  private answered(): void {
    if (this.operations === 0) this.outbox.flush();
    else this.outbox.flushSoon();
    if (this.finishing) this.settle();
  }

  private failed(cause: unknown, cost: number, cookieHigh: number, cookieLow: number): void {
    const { error, fault } = diskFailure(cause);
    if (fault) this.deps.onDiskFault(cause);
    this.traffic.failedRequests += 1;
    this.replier.refused(error, `the disk answered ${error}`, cookieHigh, cookieLow);
    this.outbox.endReply(cost);
  }

  private settle(): void {
    if (this.closed || this.operations > 0) return;
    this.outbox.flush();
    if (!this.outbox.busy) this.deps.onFinished();
  }
}
