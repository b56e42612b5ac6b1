import type { Socket } from 'node:dgram';
import { createLogAssembler, type LogAssembler, type LogLine } from '@drover/protocols/netconsole';
import type { ListenerLog } from '../udp/log.js';
import { bindSocket, closeSocket, udpSocket } from '../udp/socket.js';
import type { Cancel, Timers } from '../udp/timers.js';
import { createRateLimit, type LogRates } from './rates.js';

/** What became of a datagram. `limited`: there were too many. `oversized`: no log has so long a one. */
export type LogOutcome = 'read' | 'limited' | 'oversized';

export interface LogListenerDeps {
  /** IP addresses and ports. */
  readonly listen: readonly { readonly host: string; readonly port: number }[];
  readonly rates: LogRates;
  /** Lines of one sender, in their order. */
  readonly lines: (address: string, lines: readonly LogLine[]) => void;
  readonly counted: (outcome: LogOutcome) => void;
  readonly timers: Timers;
  readonly log: ListenerLog;
}

export interface LogListener {
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** Where it listens, with the ports the system chose. */
  addresses(): readonly { readonly host: string; readonly port: number }[];
}

/** Longest datagram read, in bytes: netconsole sends a thousand at a time, firmware less than an Ethernet frame. */
const longest = 4096;
/** What waits for a piece, an earlier record or the end of a line is given up after this long without another datagram, ms. */
const patienceMs = 250;
/** Senders whose lines are put together at once; the one heard longest ago is closed first. */
const mostSenders = 512;
/** Kernel's bound for what waits to be read: a board's whole log comes at once. It is cut to net.core.rmem_max. */
const receiveBuffer = 4 << 20;

const hint = 'Stop that log server, or set another address or port for boot.logs.listen.';

interface Sender {
  readonly assembler: LogAssembler;
  heardAt: number;
}

/** Hears the logs of bootloaders and kernels (UDP). It answers nothing. */
export function createLogListener(deps: LogListenerDeps): LogListener {
  const { timers } = deps;
  const sockets: Socket[] = [];
  const limit = createRateLimit(deps.rates);
  /** Insertion order is order of hearing. */
  const senders = new Map<string, Sender>();
  let ticking: Cancel | undefined;

  const tell = (address: string, lines: readonly LogLine[]): void => {
    if (lines.length > 0) deps.lines(address, lines);
  };

  const senderOf = (address: string): Sender => {
    const sender = senders.get(address) ?? { assembler: createLogAssembler(), heardAt: 0 };
    senders.delete(address);
    senders.set(address, sender);
    const [oldest] = senders.size > mostSenders ? senders : [];
    if (oldest !== undefined) {
      senders.delete(oldest[0]);
      tell(oldest[0], oldest[1].assembler.flush());
    }
    return sender;
  };

  const hear = (bytes: Uint8Array, address: string): void => {
    const now = timers.now();
    if (!limit.admits(address, now)) return deps.counted('limited');
    if (bytes.length > longest) return deps.counted('oversized');
    deps.counted('read');
    const sender = senderOf(address);
    sender.heardAt = now;
    tell(address, sender.assembler.take(bytes));
  };

  const flush = (before: number): void => {
    for (const [address, { assembler, heardAt }] of senders) {
      if (heardAt <= before && assembler.isWaiting()) tell(address, assembler.flush());
    }
  };

  const open = async ({ host, port }: { host: string; port: number }): Promise<void> => {
    const socket = udpSocket(host, { recvBufferSize: receiveBuffer });
    await bindSocket(socket, host, port, { service: 'The log listener', hint });
    sockets.push(socket);
    socket.on('error', (error) => deps.log.warn({ host, error: error.message }, 'socket error of the log listener'));
    socket.on('message', (bytes, { address }) => hear(bytes, address));
  };

  const stop = async (): Promise<void> => {
    ticking?.();
    await Promise.all(sockets.splice(0).map(closeSocket));
    flush(Number.POSITIVE_INFINITY);
    senders.clear();
  };

  const addresses: LogListener['addresses'] = () =>
    sockets.map((socket) => ({ host: socket.address().address, port: socket.address().port }));

  return {
    addresses,
    stop,
    start: async (signal) => {
      signal.throwIfAborted();
      try {
        for (const each of deps.listen) await open(each);
      } catch (error) {
        await stop();
        throw error;
      }
      if (sockets.length === 0) return;
      ticking = timers.every(patienceMs, () => flush(timers.now() - patienceMs));
      deps.log.info({ addresses: addresses() }, 'logs of bootloaders and kernels are heard');
    },
  };
}
