import { decodeTftp, errorCode, opcode } from './codec.js';
import type { TftpPlan } from './plan.js';

/** How a transfer ended. */
export type TftpOutcome =
  | { readonly kind: 'complete' }
  /**
   * The client ended it with an ERROR, or closed its port. `probe`: it did so after the OACK or block 1, which is how
   * firmware (Raspberry Pi, EDK2) learns a file's size; not a failure.
   */
  | { readonly kind: 'aborted'; readonly code: number; readonly message: string; readonly probe: boolean }
  | { readonly kind: 'timed-out' }
  /** We refused, with the ERROR that was sent. */
  | { readonly kind: 'rejected'; readonly code: number; readonly message: string }
  /** Our own fault in the middle of a transfer: the file could not be read, the server stops. */
  | { readonly kind: 'failed'; readonly message: string };

/**
 * What to send now. `blocks`: the blocks `from` to `to - 1` of the sender (absolute numbers from 1; on the wire their
 * low 16 bits). `over`: nothing more, `outcome` is set.
 */
export type SenderAction = 'none' | 'oack' | 'blocks' | 'over';

/** What happened in a transfer, in blocks and bytes the client acknowledged. */
export interface SenderCounters {
  readonly bytes: number;
  readonly blocks: number;
  readonly retransmittedBlocks: number;
  readonly duplicateAcks: number;
  /** OACKs sent again. */
  readonly retransmittedOacks: number;
  /** Did the client answer at all? */
  readonly answered: boolean;
}

export interface TftpSender {
  readonly plan: TftpPlan;
  /** First block to send; meaningful after an action `blocks`. */
  readonly from: number;
  /** One past the last block to send. */
  readonly to: number;
  /** How long to wait for the client before `tick`, in milliseconds. */
  readonly waitMs: number;
  readonly outcome: TftpOutcome | undefined;
  counters(): SenderCounters;
  /** The first packets: OACK, or block 1 when there is nothing to negotiate. */
  start(): SenderAction;
  /** A datagram from the client's port. Anything but a good ACK or an ERROR is ignored. */
  receive(packet: Uint8Array): SenderAction;
  /** `waitMs` have passed since the last thing was sent or received. */
  tick(): SenderAction;
  /** The client repeated its request before it acknowledged anything: it did not get our first packet. */
  repeat(): SenderAction;
  /** The network says the client's port is closed. */
  unreachable(): SenderAction;
  /** Ends the transfer for a reason of ours. */
  end(outcome: TftpOutcome): SenderAction;
}

/**
 * The sending side of one transfer as a state machine without socket and clock (RFC 1350, 7440).
 *
 * Two rules keep it from flooding a network:
 * - A duplicate ACK is ignored (the Sorcerer's Apprentice, RFC 1123 section 4.2.3.1).
 * - An ACK for the middle of a window means a gap (RFC 7440 section 4), and the sender goes back to it, once. From then
 *   until the client has everything that was sent, further such ACKs only let new blocks out; another loss in that time
 *   waits for the time-out. Going back on each would answer the ACKs for our own repeats with more repeats, for ever.
 */
export function createSender(plan: TftpPlan): TftpSender {
  return new Sender(plan);
}

class Sender implements TftpSender {
  readonly plan: TftpPlan;
  from = 1;
  to = 1;
  waitMs: number;
  outcome: TftpOutcome | undefined;
  /** Everything up to this block is acknowledged. */
  private acked = 0;
  /** Everything up to this block has been sent since the last going back. */
  private sent = 0;
  /** Highest block ever sent. */
  private highest = 0;
  private awaitingOackAck: boolean;
  private recovering = false;
  private answered = false;
  private unansweredTries = 0;
  private retransmittedBlocks = 0;
  private retransmittedOacks = 0;
  private duplicateAcks = 0;

  constructor(plan: TftpPlan) {
    this.plan = plan;
    this.waitMs = plan.firstWaitMs;
    this.awaitingOackAck = plan.oack !== undefined;
  }

  counters(): SenderCounters {
    const { size, blksize } = this.plan;
    return {
      bytes: Math.min(this.acked * blksize, size),
      blocks: this.acked,
      retransmittedBlocks: this.retransmittedBlocks,
      retransmittedOacks: this.retransmittedOacks,
      duplicateAcks: this.duplicateAcks,
      answered: this.answered,
    };
  }

  start(): SenderAction {
    return this.awaitingOackAck ? 'oack' : this.fill();
  }

  receive(packet: Uint8Array): SenderAction {
    if (this.outcome !== undefined || packet.length < 4 || packet[0] !== 0) return 'none';
    if (packet[1] === opcode.ack) return this.acknowledge((packet[2]! << 8) | packet[3]!);
    return packet[1] === opcode.error ? this.abort(packet) : 'none';
  }

  private acknowledge(block: number): SenderAction {
    if (this.awaitingOackAck) {
      if (block !== 0) return 'none';
      this.awaitingOackAck = false;
      this.progress();
      return this.fill();
    }
    const advance = (block - this.acked) & 0xffff;
    if (advance === 0) {
      this.duplicateAcks += 1;
      return 'none';
    }
    // Older than what is acknowledged, or never sent.
    if (advance > this.sent - this.acked) return 'none';
    this.acked += advance;
    this.progress();
    if (this.acked >= this.plan.blockCount) return this.end({ kind: 'complete' });
    if (this.acked === this.sent) this.recovering = false;
    else if (!this.recovering) this.goBack();
    return this.fill();
  }

  private progress(): void {
    this.answered = true;
    this.unansweredTries = 0;
    this.waitMs = this.plan.firstWaitMs;
  }

  private goBack(): void {
    this.recovering = true;
    this.sent = this.acked;
  }

  /** Lets out what the window has room for. */
  private fill(): SenderAction {
    this.from = this.sent + 1;
    this.sent = Math.min(this.acked + this.plan.windowsize, this.plan.blockCount);
    this.to = this.sent + 1;
    if (this.highest >= this.from) this.retransmittedBlocks += Math.min(this.highest, this.sent) - this.from + 1;
    if (this.sent > this.highest) this.highest = this.sent;
    return this.from < this.to ? 'blocks' : 'none';
  }

  tick(): SenderAction {
    if (this.outcome !== undefined) return 'none';
    if (this.unansweredTries >= this.plan.tries) return this.end({ kind: 'timed-out' });
    this.unansweredTries += 1;
    this.waitMs = Math.min(this.waitMs * 2, this.plan.longestWaitMs);
    return this.again();
  }

  repeat(): SenderAction {
    // It counts as a time-out: the number of tries bounds what a client that only repeats itself can draw.
    return this.answered ? 'none' : this.tick();
  }

  private again(): SenderAction {
    if (this.awaitingOackAck) {
      this.retransmittedOacks += 1;
      return 'oack';
    }
    this.goBack();
    return this.fill();
  }

  unreachable(): SenderAction {
    if (this.outcome !== undefined) return 'none';
    // RFC 1350 section 6: a client may leave once it has acknowledged the last block; that ACK can be lost.
    const lastIsOut = this.sent === this.plan.blockCount && this.sent - this.acked === 1 && this.unansweredTries > 0;
    if (lastIsOut && this.answered) {
      this.acked = this.sent;
      return this.end({ kind: 'complete' });
    }
    return this.end({ kind: 'aborted', code: 0, message: 'the client closed its port', probe: this.acked === 0 });
  }

  private abort(packet: Uint8Array): SenderAction {
    const decoded = decodeTftp(packet);
    if (!decoded.ok || decoded.packet.op !== 'error') return 'none';
    const { code, message } = decoded.packet;
    // Raspberry Pi firmware says 0 "Early terminate", EDK2 says 8 when the OACK has told it the size.
    const hasWhatItWanted = code === errorCode.undefined || (code === errorCode.optionRefused && this.plan.tsize);
    const probe = hasWhatItWanted && this.acked <= 1 && this.acked < this.plan.blockCount;
    this.answered = true;
    return this.end({ kind: 'aborted', code, message, probe });
  }

  end(outcome: TftpOutcome): SenderAction {
    if (this.outcome !== undefined) return 'none';
    this.outcome = outcome;
    return 'over';
  }
}
