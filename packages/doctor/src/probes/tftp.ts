import { createSocket } from 'node:dgram';
import { doctorProbeFile, type Observation } from '@drover/contract';
import { createClock, createSink, tftpRead, type TftpManners, type TftpResult } from '@drover/simulator';
import { codeOf, done, timestamp, type Probed, type ProbeContext } from './probe.js';

const named = { name: 'tftp', title: 'Boot files over TFTP, in large and small blocks' };

type Read = Extract<Observation, { kind: 'tftp.read' }>;

/** Three tries of a second each: a path that loses one packet in ten is not the fault that is looked for. */
const patience = { retryMs: 1_000, fileTimeoutMs: 3_500 };
const closedMs = 700;

const manners = (blockSize: number): TftpManners => ({
  ...{ tsize: true, acknowledgesDuplicates: true, ...patience },
  ...(blockSize === 512 ? {} : { blockSize }),
});

/**
 * Whether the port is closed: a connected socket hears the ICMP message that says so (ip(7)), where one that waits for answers from any port does not.
 * It asks for a transfer and never goes on with it, as boards do.
 */
const isClosed = (server: string, port: number, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (closed: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.close();
      resolve(closed);
    };
    const onAbort = (): void => end(false);
    const timer = setTimeout(() => end(false), closedMs);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error) => end(codeOf(error) === 'ECONNREFUSED'));
    socket.connect(port, server, () => socket.send(Buffer.from(`\0\x01${doctorProbeFile.path}\0octet\0`)));
  });

const outcomeOf = ({ outcome, size, blockSize }: TftpResult): Read['outcome'] => {
  if (outcome === 'ok' || outcome === 'terminated') return 'ok';
  if (outcome === 'not-found' || outcome === 'refused') return outcome;
  // Once options are agreed, or a block came, the way back is open.
  return size > 0 || blockSize > 512 ? 'stalled' : 'silent';
};

interface TftpTarget {
  readonly server: string;
  readonly port: number;
  /** Of the large blocks. */
  readonly blockSize: number;
}

/** Reads the server's probe file in blocks as large as boards ask for, and in the smallest. */
export const probeTftp = async ({ server, port, blockSize }: TftpTarget, context: ProbeContext): Promise<Probed> => {
  // At once: a kernel sends only so many ICMP messages a second.
  const closed = isClosed(server, port, context.signal);
  const read = async (size: number): Promise<Read> => {
    const sink = createSink({ keep: false, hash: false });
    const asked = { server, port, path: doctorProbeFile.path, manners: manners(size), sink };
    const result = await tftpRead(asked, createClock(), context.signal);
    const { message } = result;
    const outcome = outcomeOf(result);
    return {
      ...{ kind: 'tftp.read', at: timestamp(context), by: `TFTP to ${server}`, server, port, path: asked.path },
      ...{ blockSize: size, bytes: result.size },
      outcome: outcome === 'silent' && (await closed) ? 'closed' : outcome,
      ...(message === undefined ? {} : { message }),
    };
  };
  return done(named, await Promise.all([read(blockSize), read(512)]));
};
