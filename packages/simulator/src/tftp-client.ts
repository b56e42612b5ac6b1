/** A TFTP client that behaves like the boards' (RFC 1350, 2347 to 2349 as far as they know them; wire reference, section 3). */
import { createSocket, type Socket } from 'node:dgram';
import { numericLookup } from './addresses.js';
import type { ByteSink } from './byte-sink.js';
import { abortReason, type Clock, type Timer } from './clock.js';
import type { RequestOutcome } from './types.js';

/** How one kind of client asks. */
export interface TftpManners {
  /** Sends `tsize 0`. */
  readonly tsize: boolean;
  /** Sends `blksize N`; without it blocks have 512 bytes. */
  readonly blockSize?: number;
  /** Milliseconds of board time without a packet before the last one is sent again. */
  readonly retryMs: number;
  /** Milliseconds of board time for one file. */
  readonly fileTimeoutMs: number;
  /** Highest block number the client can count to; undefined rolls over to 0. */
  readonly lastBlock?: number;
  /** Answers a block it already has with its ACK again. */
  readonly acknowledgesDuplicates: boolean;
}

export interface TftpRequest {
  readonly server: string;
  readonly port: number;
  /** Address to ask from; any when absent. */
  readonly localAddress?: string;
  readonly path: string;
  readonly manners: TftpManners;
  /** Without a sink the file is only probed: the first answer is met with ERROR 0 "Early terminate". */
  readonly sink?: ByteSink;
}

export interface TftpResult {
  readonly outcome: RequestOutcome;
  readonly size: number;
  readonly blockSize: number;
  readonly resent: number;
  readonly message?: string;
}

/** Larger than anything a board could hold. */
const mostBytes = 2 ** 31;

const text = (...words: readonly (string | number)[]): string => words.map((word) => `${word}\0`).join('');

/** RRQ in mode octet: tsize first, then blksize, as captured (`octet tsize 0 blksize 1024`). */
export const readRequest = (path: string, manners: TftpManners): Buffer => {
  const tsize = manners.tsize ? text('tsize', 0) : '';
  const blockSize = manners.blockSize === undefined ? '' : text('blksize', manners.blockSize);
  return Buffer.concat([Buffer.from([0, 1]), Buffer.from(text(path, 'octet') + tsize + blockSize, 'latin1')]);
};

export const acknowledgement = (block: number): Buffer => Buffer.from([0, 4, (block >>> 8) & 0xff, block & 0xff]);

/** What a board sends when it has seen enough. */
export const earlyTerminate = Buffer.concat([Buffer.from([0, 5, 0, 0]), Buffer.from('Early terminate\0')]);

/** Options of an OACK, names in lower case. */
export const readOptionAck = (packet: Buffer): ReadonlyMap<string, string> => {
  const words = packet.subarray(2).toString('latin1').split('\0');
  const options = new Map<string, string>();
  for (let at = 0; at + 1 < words.length; at += 2) options.set((words[at] ?? '').toLowerCase(), words[at + 1] ?? '');
  return options;
};

const number = (value: string | undefined): number | undefined =>
  value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : undefined;

/** One transfer, from the RRQ to its end. Methods are called by the socket and the two timers. */
class Transfer {
  private readonly retry: Timer;
  private readonly deadline: Timer;
  private lastPacket: Buffer;
  private serverPort: number | undefined;
  private expected = 1;
  private blockSize = 512;
  private announced = 0;
  private resent = 0;
  private ended = false;
  private readonly request: TftpRequest;
  private readonly socket: Socket;
  private readonly settle: (result: TftpResult) => void;

  constructor(request: TftpRequest, socket: Socket, clock: Clock, settle: (result: TftpResult) => void) {
    const { manners, path } = request;
    this.request = request;
    this.socket = socket;
    this.settle = settle;
    this.lastPacket = readRequest(path, manners);
    this.retry = clock.timer(manners.retryMs, () => this.sendAgain());
    this.deadline = clock.timer(manners.fileTimeoutMs, () => this.end('timeout'));
  }

  start(): void {
    this.transmit(this.lastPacket);
  }

  receive(packet: Buffer, address: string, port: number): void {
    if (this.ended || address !== this.request.server || packet.length < 4) return;
    if (this.serverPort !== undefined && port !== this.serverPort) return;
    const opcode = packet.readUInt16BE(0);
    if (opcode < 3 || opcode > 6 || opcode === 4) return;
    this.serverPort = port;
    if (opcode === 5) return this.refused(packet);
    if (opcode === 6) return this.optionsAcknowledged(packet);
    this.data(packet);
  }

  /** The caller's abort: nothing is sent, as when the power goes. */
  cutOff(): void {
    this.end('aborted');
  }

  private refused(packet: Buffer): void {
    const message = packet.subarray(4).toString('latin1').replace(/\0.*$/s, '');
    this.end(packet.readUInt16BE(2) === 1 ? 'not-found' : 'refused', message);
  }

  private optionsAcknowledged(packet: Buffer): void {
    if (this.expected !== 1 || this.sizeSoFar() > 0) return;
    const options = readOptionAck(packet);
    this.announced = number(options.get('tsize')) ?? 0;
    const blockSize = number(options.get('blksize'));
    if (blockSize !== undefined) {
      if (blockSize < 8 || blockSize > (this.request.manners.blockSize ?? 0)) {
        return this.stop('refused', `server acknowledged blksize ${blockSize}, which was not asked for`);
      }
      this.blockSize = blockSize;
    }
    if (this.request.sink === undefined) return this.terminateEarly(this.announced);
    this.request.sink.expect(this.announced);
    this.acknowledge(0);
  }

  private data(packet: Buffer): void {
    const { sink, manners } = this.request;
    const block = packet.readUInt16BE(2);
    const bytes = packet.subarray(4);
    if (sink === undefined) return this.terminateEarly(bytes.length);
    if (block !== (this.expected & 0xffff)) return this.duplicate(block);
    if (bytes.length > this.blockSize)
      return this.stop('refused', `block of ${bytes.length} bytes, ${this.blockSize} agreed`);
    if (sink.size + bytes.length > mostBytes) return this.stop('refused', 'file does not end');
    sink.write(bytes);
    this.acknowledge(block);
    if (bytes.length < this.blockSize) return this.end('ok');
    if (this.expected === manners.lastBlock) return this.end('too-long', `block counter ended at ${manners.lastBlock}`);
    this.expected += 1;
  }

  private duplicate(block: number): void {
    const before = (this.expected - 1) & 0xffff;
    if (block === before && this.request.manners.acknowledgesDuplicates) this.transmit(acknowledgement(block));
  }

  private terminateEarly(size: number): void {
    this.transmit(earlyTerminate);
    this.end('terminated', undefined, size);
  }

  private stop(outcome: RequestOutcome, message: string): void {
    this.transmit(earlyTerminate);
    this.end(outcome, message);
  }

  private acknowledge(block: number): void {
    this.lastPacket = acknowledgement(block);
    this.transmit(this.lastPacket);
    this.retry.refresh();
  }

  private sendAgain(): void {
    if (this.ended) return;
    this.resent += 1;
    this.transmit(this.lastPacket);
    this.retry.refresh();
  }

  private transmit(packet: Buffer): void {
    // A datagram that cannot leave is a datagram lost; the retry clock covers it.
    this.socket.send(packet, this.serverPort ?? this.request.port, this.request.server, () => undefined);
  }

  private sizeSoFar(): number {
    return this.request.sink?.size ?? 0;
  }

  private end(outcome: RequestOutcome, message?: string, size = this.sizeSoFar()): void {
    if (this.ended) return;
    this.ended = true;
    this.retry.cancel();
    this.deadline.cancel();
    const { blockSize, resent } = this;
    this.settle({ outcome, size, blockSize, resent, ...(message === undefined ? {} : { message }) });
  }
}

/** Closing at once would drop a datagram still in the socket's queue, such as the last ACK. */
const closeSoon = (socket: Socket): void => {
  setImmediate(() => socket.close());
};

/**
 * Asks for one file from a port of its own.
 * @returns how it ended; the server's faults are outcomes.
 * @throws Error when the local address cannot be bound or the signal is aborted.
 */
export const tftpRead = (request: TftpRequest, clock: Clock, signal?: AbortSignal): Promise<TftpResult> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(abortReason(signal));
    const socket = createSocket({ type: 'udp4', lookup: numericLookup });
    const transfer = new Transfer(request, socket, clock, (result) => {
      signal?.removeEventListener('abort', onAbort);
      closeSoon(socket);
      if (result.outcome === 'aborted') reject(abortReason(signal));
      else resolve(result);
    });
    const onAbort = (): void => transfer.cutOff();
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('message', (packet, from) => transfer.receive(packet, from.address, from.port));
    socket.once('error', (error) => {
      transfer.cutOff();
      reject(error);
    });
    socket.bind(0, request.localAddress, () => transfer.start());
  });
