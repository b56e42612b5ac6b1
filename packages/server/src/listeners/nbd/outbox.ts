import type { Writable } from 'node:stream';
import type { PayloadPool } from './payload-pool.js';
import type { SlabPool } from './slab-pool.js';

export interface OutboxEvents {
  /** So many bytes have been handed to the network, with the ends of so many replies, whose payloads took `cost` bytes. */
  sent(replies: number, cost: number, bytes: number): void;
}

/** Payloads up to this length are copied behind their header: cheaper than one more element of a writev. */
const copiedBytes = 16 << 10;
/** What is written at once: a slow client's progress is seen this finely. */
const pieceBytes = 1 << 20;

/** Bytes that wait for their turn, with the number and cost of the replies that end with them. */
interface Chunk {
  readonly bytes: Uint8Array;
  replies: number;
  cost: number;
}

/**
 * Replies on their way to one client. They are put together in slabs, large payloads are sent from where they are, and
 * everything that gathers while a write is under way goes with the next one: one system call for many replies.
 */
export class Outbox {
  /** Where the header of a reply is to be written: at `reserve(length)`. */
  slab: Uint8Array = nothing;
  private readonly socket: Writable;
  private readonly pool: SlabPool;
  private readonly payloads: Pick<PayloadPool, 'give'>;
  private readonly events: OutboxEvents;
  private chunks: Chunk[] = [];
  /** Slabs that are full: they are free when so many chunks are written. */
  private readonly full: { readonly slab: Uint8Array; readonly after: number }[] = [];
  /** Memory of payloads, as `full`. */
  private readonly lent: { readonly memory: Uint8Array; readonly after: number }[] = [];
  /** Chunks so far. */
  private queued = 0;
  /** Chunks up to the last that is sent from where it is. */
  private uncopied = 0;
  private written = 0;
  /** The slab's part that is no chunk yet, and the replies that end in it. */
  private from = 0;
  private at = 0;
  private openReplies = 0;
  private openCost = 0;
  /** What is being written. */
  private writing = false;
  private writingChunks = 0;
  private writingReplies = 0;
  private writingCost = 0;
  private writingBytes = 0;
  private scheduled = false;
  private closed = false;

  constructor(socket: Writable, pool: SlabPool, payloads: Pick<PayloadPool, 'give'>, events: OutboxEvents) {
    this.socket = socket;
    this.pool = pool;
    this.payloads = payloads;
    this.events = events;
  }

  /** Something is being written, or waits to be. */
  get busy(): boolean {
    return this.writing || this.chunks.length > 0 || this.at > this.from;
  }

  /** Room for `length` bytes, at most a slab; returns where. */
  reserve(length: number): number {
    if (this.at + length > this.slab.length) this.changeSlab();
    const { at } = this;
    this.at = at + length;
    return at;
  }

  /** Bytes that stay as they are until they are sent. */
  append(bytes: Uint8Array): void {
    if (bytes.length <= copiedBytes) {
      // `reserve` may change the slab.
      const at = this.reserve(bytes.length);
      this.slab.set(bytes, at);
      return;
    }
    this.seal();
    for (let at = 0; at < bytes.length; at += pieceBytes) this.enqueue(bytes.subarray(at, at + pieceBytes));
    this.uncopied = this.queued;
  }

  /** Gives memory back to its pool when nothing that was appended needs it any more. */
  lend(memory: Uint8Array): void {
    if (this.uncopied <= this.written) this.payloads.give(memory);
    else this.lent.push({ memory, after: this.uncopied });
  }

  /** A reply is complete; it has at least one byte. */
  endReply(cost: number): void {
    if (this.at > this.from) {
      this.openReplies += 1;
      this.openCost += cost;
      return;
    }
    // It ends with a payload that has its own chunk.
    const last = this.chunks[this.chunks.length - 1];
    if (!last) throw new Error('a reply ends that has not begun');
    last.replies += 1;
    last.cost += cost;
  }

  /** Sends what there is, now or as soon as the write under way is done. */
  flush(): void {
    if (this.writing || this.closed) return;
    if (this.chunks.length > 0) {
      this.seal();
      this.writePiece();
    } else if (this.at > this.from) this.writeOpen();
  }

  /** Sends what there is when everything that is ready in this turn of the event loop has added its reply. */
  flushSoon(): void {
    if (this.writing || this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  /** The socket is gone; `sent` is not called again. */
  close(): void {
    this.closed = true;
    this.chunks = [];
  }

  private changeSlab(): void {
    this.seal();
    if (this.slab !== nothing) this.full.push({ slab: this.slab, after: this.queued });
    this.slab = this.pool.take();
    this.from = 0;
    this.at = 0;
  }

  private seal(): void {
    if (this.at === this.from) return;
    this.enqueue(this.slab.subarray(this.from, this.at));
    this.from = this.at;
  }

  private enqueue(bytes: Uint8Array): void {
    this.chunks.push({ bytes, replies: this.openReplies, cost: this.openCost });
    this.openReplies = 0;
    this.openCost = 0;
    this.queued += 1;
  }

  /** The usual case: nothing waits but what is open in the slab. */
  private writeOpen(): void {
    const bytes = this.slab.subarray(this.from, this.at);
    this.from = this.at;
    this.queued += 1;
    this.began(1, this.openReplies, this.openCost, bytes.length);
    this.openReplies = 0;
    this.openCost = 0;
    this.socket.write(bytes, this.onWritten);
  }

  private writePiece(): void {
    const { chunks, socket } = this;
    let count = 0;
    let [bytes, replies, cost] = [0, 0, 0];
    while (count < chunks.length && bytes < pieceBytes) {
      const chunk = chunks[count]!;
      bytes += chunk.bytes.length;
      replies += chunk.replies;
      cost += chunk.cost;
      count += 1;
    }
    const piece = chunks.splice(0, count);
    this.began(count, replies, cost, bytes);
    socket.cork();
    for (let i = 0; i < count - 1; i += 1) socket.write(piece[i]!.bytes);
    socket.write(piece[count - 1]!.bytes, this.onWritten);
    socket.uncork();
  }

  private began(chunks: number, replies: number, cost: number, bytes: number): void {
    this.writing = true;
    this.writingChunks = chunks;
    this.writingReplies = replies;
    this.writingCost = cost;
    this.writingBytes = bytes;
  }

  private readonly onWritten = (error?: Error | null): void => {
    // What is wrong with the socket it says itself.
    if (error || this.closed) return;
    this.writing = false;
    this.written += this.writingChunks;
    this.freeMemory();
    this.events.sent(this.writingReplies, this.writingCost, this.writingBytes);
    this.flush();
  };

  private freeMemory(): void {
    const { full, lent } = this;
    while (lent.length > 0 && lent[0]!.after <= this.written) this.payloads.give(lent.shift()!.memory);
    while (full.length > 0 && full[0]!.after <= this.written) this.pool.give(full.shift()!.slab);
    if (this.queued !== this.written || this.at !== this.from || this.slab === nothing) return;
    this.pool.give(this.slab);
    this.slab = nothing;
    this.from = 0;
    this.at = 0;
  }
}

const nothing = new Uint8Array(0);
