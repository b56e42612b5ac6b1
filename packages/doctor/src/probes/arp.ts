import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { promisify } from 'node:util';
import type { Observation } from '@drover/contract';
import { sameNetwork } from '../addresses.js';
import { capture } from './capture.js';
import { readEthernet } from './frames.js';
import { done, skipped, timestamp, type Card, type Probed, type ProbeContext } from './probe.js';

const named = { name: 'arp', title: 'Addresses that two machines have' };
const run = promisify(execFile);

const answerMs = 1_000;
/** Nobody listens there (RFC 863), and nothing needs to: the kernel asks who has the address before it sends. */
const discardPort = 9;

/** Makes the kernel ask for these addresses anew when it next needs them. What it forgets of them it learns again at once. */
const forget = (addresses: readonly string[], card: Card): Promise<unknown> =>
  Promise.all(
    addresses.map((address) => run('ip', ['neigh', 'flush', 'to', address, 'dev', card.name]).catch(() => undefined)),
  );

const askFor = async (addresses: readonly string[]): Promise<void> => {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  await Promise.all(
    addresses.map(
      (address) => new Promise<void>((resolve) => socket.send(Buffer.from('?'), discardPort, address, () => resolve())),
    ),
  );
  socket.close();
};

/** Who answers for addresses of this network: more than one is one too many. */
export const probeArp = async (card: Card, wanted: readonly string[], context: ProbeContext): Promise<Probed> => {
  const isNear = (address: string): boolean =>
    address !== card.address && sameNetwork(address, card.address, card.netmask) === true;
  const addresses = [...new Set(wanted)].filter(isNear);
  if (addresses.length === 0) return skipped(named, 'no address of this network is known to ask for');
  const macs = new Map<string, Set<string>>();
  const take = (bytes: Buffer): void => {
    const frame = readEthernet(bytes);
    if (frame?.kind !== 'arp' || !addresses.includes(frame.address)) return;
    macs.set(frame.address, (macs.get(frame.address) ?? new Set()).add(frame.mac));
  };
  let asking: Promise<void> | undefined;
  const onListening = (): void => {
    asking = askFor(addresses);
  };
  await forget(addresses, card);
  const heard = await capture({ card: card.name, filter: 'arp', ms: answerMs, take, onListening }, context.signal);
  await asking;
  const observations = [...macs].map(([address, all]): Observation => ({
    ...{ kind: 'arp', at: timestamp(context), by: `ARP on ${card.name}` },
    ...{ interface: card.name, address, macs: [...all] },
  }));
  return heard.ok ? done(named, observations) : skipped(named, heard.reason, observations);
};
