import { Duplex } from 'node:stream';
import { transmissionFlags, type NbdSession } from '@drover/protocols/nbd';
import { request, type ClientRequest } from '../../../protocols/test/support/nbd-client.js';
import { exportInfo } from '../../src/listeners/nbd/export-info.js';
import { createPayloadBudget, type PayloadBudget } from '../../src/listeners/nbd/payload-budget.js';
import { createPayloadPool } from '../../src/listeners/nbd/payload-pool.js';
import { createSlabPool } from '../../src/listeners/nbd/slab-pool.js';
import { Transmission } from '../../src/listeners/nbd/transmission.js';
import { createMemoryDisk, type MemoryDisk, type MemoryDiskOptions } from './memory-disk.js';
import { createReplyReader, type Expected, type Reply } from './replies.js';

/** NBD_CMD_READ */
const readCommand = 0;

/** Once round the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface BenchOptions {
  readonly disk?: MemoryDiskOptions;
  readonly structured?: boolean;
  readonly requestsInFlight?: number;
  readonly bytesInFlight?: number;
  readonly budget?: PayloadBudget;
  /** A network that takes nothing until `drain`. */
  readonly slow?: boolean;
}

/** A transmission with a client and a network made of memory. */
export class Bench {
  readonly disk: MemoryDisk;
  readonly transmission: Transmission;
  readonly replies: Reply[] = [];
  readonly events: string[] = [];
  readonly budget: PayloadBudget;
  readonly socket: Duplex;
  written = 0;
  private readonly reads = new Map<bigint, Expected>();
  private readonly parse = createReplyReader(this.reads);
  private readonly waiting: (() => void)[] = [];
  private slow: boolean;

  constructor(options: BenchOptions = {}) {
    const { structured = false } = options;
    this.disk = createMemoryDisk(options.disk);
    this.slow = options.slow ?? false;
    this.budget = options.budget ?? createPayloadBudget(1 << 30);
    const info = exportInfo(this.disk, { maxPayload: 32 << 20 });
    const session: NbdSession = {
      ...{ name: 'x', info, structuredReplies: structured, blockSizeNegotiated: true },
      flags: transmissionFlags(info, structured),
      allocationContext: structured ? 1 : undefined,
    };
    const take = (chunks: readonly Uint8Array[], done: () => void): void => {
      const hand = (): void => {
        for (const chunk of chunks) {
          this.written += chunk.length;
          this.replies.push(...this.parse(chunk));
        }
        done();
      };
      if (this.slow) this.waiting.push(hand);
      else hand();
    };
    this.socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => take([chunk], done),
      writev: (chunks, done) =>
        take(
          chunks.map(({ chunk }) => chunk as Buffer),
          done,
        ),
    });
    const { requestsInFlight = 128, bytesInFlight = 64 << 20 } = options;
    this.transmission = new Transmission({
      ...{ socket: this.socket, session, disk: this.disk, budget: this.budget },
      settings: { requestsInFlight, bytesInFlight },
      slabs: createSlabPool(64 << 10, 4),
      payloads: createPayloadPool(1 << 20),
      onFault: (reason) => this.events.push(`fault: ${reason}`),
      onDiskFault: (cause) => this.events.push(`disk: ${String(cause)}`),
      onDisconnect: () => this.events.push('disconnect'),
      onFinished: () => this.events.push('finished'),
    });
    this.socket.on('data', (chunk: Uint8Array) => this.transmission.receive(chunk));
  }

  /** The client sends requests; a cookie for each that has none. */
  async send(...requests: ClientRequest[]): Promise<void> {
    const bytes = requests.map((each) => {
      const { cookie = 0n, offset = 0, length = 0 } = each;
      if (each.type === readCommand) this.reads.set(cookie, { offset: Number(offset), length });
      return request(each);
    });
    this.socket.push(Buffer.concat(bytes));
    await turn();
    await turn();
  }

  /** The network takes what waits for it, and everything from now on. */
  async drain(): Promise<void> {
    this.slow = false;
    while (this.waiting.length > 0) {
      this.waiting.shift()!();
      await turn();
    }
  }

  get cookies(): bigint[] {
    return this.replies.map(({ cookie }) => cookie);
  }
}
