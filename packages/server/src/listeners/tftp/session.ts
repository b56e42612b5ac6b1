import type { Socket } from 'node:dgram';
import { encodeTftp, type TftpOutcome, type TftpRequest, type TftpSender } from '@drover/protocols/tftp';
import type { Admission } from './admission.js';
import { openOwnPort, type Channel } from './channel.js';
import type { Deadlines } from './deadlines.js';
import type { PacketCache } from './packet-cache.js';
import { createTransfer, type Transfer } from './transfer.js';
import type { TftpListenerDeps, TftpOpened, TftpPeer } from './types.js';

/** A read request that was let in: it waits for its file, becomes a transfer, ends with one event. */
export interface Session {
  start(): void;
  /** A datagram from the client's port, in single-port mode. */
  receive(packet: Uint8Array): void;
  /** Is this request the very one that is being answered, sent again before the answer arrived? */
  isRepeat(request: Uint8Array): boolean;
  repeat(): void;
  /** The client began something else on the same port. */
  supersede(): void;
  shutDown(): void;
}

export interface SessionRequest {
  readonly request: TftpRequest;
  /** The request as it came, to know it again. */
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly client: TftpPeer;
  readonly localAddress: string;
}

export interface SessionDeps extends Pick<TftpListenerDeps, 'open' | 'onTransfer' | 'settings' | 'timers' | 'log'> {
  readonly cache: PacketCache;
  readonly admission: Admission;
  readonly deadlines: Deadlines;
}

interface Ways {
  /** The channel to use, or undefined for a port of the session's own. */
  readonly channel: Channel | undefined;
  readonly refusals: Socket;
  onEnd(): void;
}

export function createSession(asked: SessionRequest, deps: SessionDeps & Ways): Session {
  return new RequestSession(asked, deps);
}

class RequestSession implements Session {
  private readonly startedAt: number;
  private readonly gone = new AbortController();
  private transfer: Transfer | undefined;
  private channel: Channel | undefined;
  private repeats = 0;
  private fileSize = 0;
  private ended = false;
  private readonly asked: SessionRequest;
  private readonly deps: SessionDeps & Ways;

  constructor(asked: SessionRequest, deps: SessionDeps & Ways) {
    this.asked = asked;
    this.deps = deps;
    this.startedAt = deps.timers.now();
    this.channel = deps.channel;
  }

  start(): void {
    const { path, client, localAddress } = this.asked;
    const { timers, settings } = this.deps;
    const cancel = timers.after(settings.openTimeoutMs, () => {
      this.reject(0, `looking up ${path} took longer than ${settings.openTimeoutMs / 1000} s; try again`);
    });
    this.deps
      .open({ path, client, localAddress, signal: this.gone.signal })
      .catch((error: unknown): TftpOpened => {
        this.deps.log.error({ path, client, error: String(error) }, 'TFTP file lookup failed');
        return { ok: false, code: 0, message: 'the server could not look the file up; see its log' };
      })
      .then((opened) => this.onOpened(opened))
      .finally(cancel)
      .catch((error: unknown) => this.deps.log.error({ path, error: String(error) }, 'TFTP transfer failed'));
  }

  private async onOpened(opened: TftpOpened): Promise<void> {
    if (this.ended) return;
    if (!opened.ok) return this.reject(opened.code, opened.message);
    this.fileSize = opened.file.size;
    const planned = createTransfer(this.asked.request, opened.file, {
      limits: this.deps.settings.limits,
      cache: this.deps.cache,
      deadlines: this.deps.deadlines,
      onOver: (sender) => this.end(sender.outcome!, sender),
    });
    if (!planned.ok) return this.reject(planned.code, planned.message);
    const { transfer } = planned;
    this.transfer = transfer;
    const channel = this.channel ?? (await this.openPort(transfer));
    if (!channel) return;
    this.channel = channel;
    // It may have been superseded while the port was opened.
    if (this.ended) void channel.close();
    else transfer.start(channel);
  }

  private openPort(transfer: Transfer): Promise<Channel | undefined> {
    return openOwnPort(this.asked.localAddress, this.asked.client, {
      receive: (packet) => transfer.receive(packet),
      unreachable: () => transfer.unreachable(),
    }).catch((error: unknown) => {
      this.deps.log.error({ client: this.asked.client, error: String(error) }, 'no port for a TFTP transfer');
      this.reject(0, 'the server has no port left for this transfer; try again');
      return undefined;
    });
  }

  receive(packet: Uint8Array): void {
    this.transfer?.receive(packet);
  }

  isRepeat(request: Uint8Array): boolean {
    const same = request.length === this.asked.bytes.length && this.asked.bytes.every((byte, i) => byte === request[i]);
    return same && (this.transfer?.awaitsFirstAck() ?? true);
  }

  repeat(): void {
    this.repeats += 1;
    this.transfer?.repeat();
  }

  supersede(): void {
    this.leave({ kind: 'aborted', code: 0, message: 'the client began another request on this port', probe: false });
  }

  shutDown(): void {
    const message = 'the server is shutting down';
    if (!this.ended) this.sendError(0, message);
    this.leave({ kind: 'failed', message });
  }

  /** Ends a session whatever state it is in. */
  private leave(outcome: TftpOutcome): void {
    if (this.transfer) this.transfer.end(outcome);
    else this.end(outcome);
  }

  private reject(code: number, message: string): void {
    if (this.ended) return;
    this.sendError(code, message);
    this.end({ kind: 'rejected', code, message });
  }

  private sendError(code: number, message: string): void {
    const packet = encodeTftp({ op: 'error', code, message });
    const { port, address } = this.asked.client;
    if (this.channel) this.channel.send(packet);
    else this.deps.refusals.send(packet, port, address);
  }

  private end(outcome: TftpOutcome, sender?: TftpSender): void {
    if (this.ended) return;
    this.ended = true;
    this.gone.abort();
    void this.channel?.close();
    this.deps.admission.release(this.asked.client.address);
    this.deps.onEnd();
    const counters = sender?.counters();
    this.deps.onTransfer({
      path: this.asked.path,
      client: this.asked.client,
      localAddress: this.asked.localAddress,
      outcome,
      size: this.fileSize,
      bytes: counters?.bytes ?? 0,
      blocks: counters?.blocks ?? 0,
      ms: this.deps.timers.now() - this.startedAt,
      blksize: sender?.plan.blksize ?? 0,
      windowsize: sender?.plan.windowsize ?? 0,
      tsize: sender?.plan.tsize ?? false,
      retransmits: counters?.retransmittedBlocks ?? 0,
      duplicateAcks: counters?.duplicateAcks ?? 0,
      repeats: this.repeats,
      answered: counters?.answered ?? true,
    });
  }
}
