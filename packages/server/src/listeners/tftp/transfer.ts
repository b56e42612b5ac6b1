import {
  createSender,
  encodeTftp,
  planTransfer,
  type TftpLimits,
  type TftpOutcome,
  type TftpRequest,
  type TftpSender,
} from '@drover/protocols/tftp';
import type { Channel } from './channel.js';
import type { Deadlines, Waiting } from './deadlines.js';
import type { PacketCache, PacketSource } from './packet-cache.js';
import type { TftpFile } from './types.js';

export interface TransferDeps {
  readonly limits: TftpLimits;
  readonly cache: PacketCache;
  readonly deadlines: Deadlines;
  /** Called once, when nothing more will be sent. */
  onOver(sender: TftpSender): void;
}

/** One transfer: carries out on a channel what the sender decides. */
export interface Transfer {
  receive(packet: Uint8Array): void;
  unreachable(): void;
  /** The client sent its request again. */
  repeat(): void;
  /** False as soon as the client has acknowledged something. */
  awaitsFirstAck(): boolean;
  /** Begins; `channel` is ready to send. */
  start(channel: Channel): void;
  /** Ends it; tells the client nothing. */
  end(outcome: TftpOutcome): void;
}

/** The transfer, or the TFTP error that says why the request cannot be served. */
export type TransferPlanned =
  | { readonly ok: true; readonly transfer: Transfer }
  | { readonly ok: false; readonly code: number; readonly message: string };

export function createTransfer(request: TftpRequest, file: TftpFile, deps: TransferDeps): TransferPlanned {
  const planned = planTransfer(request, file.size, deps.limits);
  if (!planned.ok) return planned;
  const sender = createSender(planned.plan);
  return { ok: true, transfer: new RunningTransfer(sender, deps.cache.open(file, planned.plan.blksize), deps) };
}

class RunningTransfer implements Transfer, Waiting {
  deadline = 0;
  private channel: Channel | undefined;
  /** A read is awaited; what is to be sent after it begins at `pendingFrom`. */
  private loading = false;
  private pendingFrom = 0;
  private readonly sender: TftpSender;
  private readonly packets: PacketSource;
  private readonly deps: TransferDeps;

  constructor(sender: TftpSender, packets: PacketSource, deps: TransferDeps) {
    this.sender = sender;
    this.packets = packets;
    this.deps = deps;
  }

  start(channel: Channel): void {
    this.channel = channel;
    this.deps.deadlines.add(this);
    this.act(this.sender.start());
  }

  receive(packet: Uint8Array): void {
    this.act(this.sender.receive(packet));
  }

  onDeadline(): void {
    // A slow disk is not a silent client.
    if (this.loading) this.wait();
    else this.act(this.sender.tick());
  }

  unreachable(): void {
    this.act(this.sender.unreachable());
  }

  repeat(): void {
    if (!this.loading) this.act(this.sender.repeat());
  }

  awaitsFirstAck(): boolean {
    return !this.sender.counters().answered;
  }

  end(outcome: TftpOutcome): void {
    this.act(this.sender.end(outcome));
  }

  private act(action: ReturnType<TftpSender['receive']>): void {
    switch (action) {
      case 'none':
        return;
      case 'blocks':
        this.sendBlocks(this.sender.from, this.sender.to);
        this.wait();
        return;
      case 'oack':
        this.channel?.send(this.sender.plan.oack!);
        this.wait();
        return;
      case 'over':
        this.deps.deadlines.remove(this);
        this.deps.onOver(this.sender);
    }
  }

  private wait(): void {
    this.deadline = this.deps.deadlines.now() + this.sender.waitMs;
  }

  private sendBlocks(from: number, to: number): void {
    const { channel, packets } = this;
    if (!channel) return;
    if (this.loading) {
      this.pendingFrom = Math.min(this.pendingFrom, from);
      return;
    }
    for (let block = from; block < to; block += 1) {
      const packet = packets.packet(block);
      if (packet === undefined) {
        this.loadThenSend(block);
        return;
      }
      channel.send(packet);
    }
  }

  /** Reads what is missing and goes on. The client may have acknowledged or asked for more meanwhile. */
  private loadThenSend(block: number): void {
    this.loading = true;
    this.pendingFrom = block;
    this.packets.load(block).then(
      () => {
        this.loading = false;
        if (this.sender.outcome) return;
        this.sendBlocks(Math.max(this.pendingFrom, this.sender.counters().blocks + 1), this.sender.to);
        this.wait();
      },
      (error: unknown) => {
        this.loading = false;
        if (this.sender.outcome) return;
        // The system's words may hold paths of this machine: they are for our log, not for the wire.
        this.channel?.send(encodeTftp({ op: 'error', code: 0, message: 'the server could not read the file' }));
        this.end({ kind: 'failed', message: `the file could not be read: ${String(error)}` });
      },
    );
  }
}
