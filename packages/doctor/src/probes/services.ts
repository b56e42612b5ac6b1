import { connect } from 'node:net';
import type { Observation, ProbeOutcome } from '@drover/contract';
import { outcomeOfError } from './http.js';
import { done, timestamp, type Probed, type ProbeContext } from './probe.js';

const limitMs = 3_000;

interface Dialogue {
  /** Said first, when the other side waits for that. */
  readonly hello?: Buffer;
  /** Undefined: wait for more. */
  readonly judge: (heard: Buffer) => 'ok' | 'wrong' | undefined;
}

/** Connects, says hello, and looks at what comes back. */
const converse = (
  address: string,
  port: number,
  { hello, judge }: Dialogue,
  signal: AbortSignal,
): Promise<{ outcome: ProbeOutcome; detail?: string }> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let heard = Buffer.alloc(0);
    let connected = false;
    const end = (outcome: ProbeOutcome, detail?: string): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve({ outcome, ...(detail === undefined || detail === '' ? {} : { detail }) });
    };
    const onAbort = (): void => end('silent');
    const timer = setTimeout(() => end('silent', connected ? 'it takes connections and says nothing' : ''), limitMs);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('connect', () => {
      connected = true;
      if (hello !== undefined) socket.write(hello);
    });
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk]);
      const verdict = judge(heard);
      if (verdict !== undefined) end(verdict);
    });
    socket.on('close', () => end('wrong', 'it closes the connection'));
    socket.on('error', (error) => {
      const { outcome, detail } = outcomeOfError(error);
      end(outcome, detail);
    });
  });

/** The first words of an NBD server that negotiates (NBD protocol, "Fixed newstyle negotiation"). */
const nbdGreeting = Buffer.from('NBDMAGICIHAVEOPT', 'latin1');

const nbd: Dialogue = {
  judge: (heard) =>
    heard.length < nbdGreeting.length ? undefined : heard.subarray(0, 16).equals(nbdGreeting) ? 'ok' : 'wrong',
};

const callId = 0x64726f76;
/** ONC RPC (RFC 5531) over TCP, one record: call of procedure NULL of NFS (100003) version 4, without credentials. */
const nullCall = Buffer.from(
  ['80000028', callId.toString(16), '00000000', '00000002', '000186a3', '00000004', '00000000', '00'.repeat(16)].join(
    '',
  ),
  'hex',
);

const nfs: Dialogue = {
  hello: nullCall,
  // A reply to our call is an NFS server's, whichever versions it has.
  judge: (heard) =>
    heard.length < 12 ? undefined : heard.readUInt32BE(4) === callId && heard.readUInt32BE(8) === 1 ? 'ok' : 'wrong',
};

const services = {
  nbd: { title: 'Disks of boards (NBD)', dialogue: nbd },
  nfs: { title: 'Directories of boards (NFS)', dialogue: nfs },
} as const;

/** Whether a board at this address could attach its disk, or mount its directory. */
export const probeService = async (
  service: 'nbd' | 'nfs',
  address: string,
  port: number,
  context: ProbeContext,
): Promise<Probed> => {
  const { title, dialogue } = services[service];
  const answer = await converse(address, port, dialogue, context.signal);
  const seen: Observation = {
    ...{
      kind: 'service',
      at: timestamp(context),
      by: `${service.toUpperCase()} to ${address}`,
      service,
      address,
      port,
    },
    ...answer,
  };
  return done({ name: service, title }, [seen]);
};
