import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { done, skipped, timestamp, type Card, type Probed, type ProbeContext } from './probe.js';

const named = { name: 'link', title: 'The network card has a link' };

/** Network cards of this machine with an IPv4 address, but the loopback; the first address of each. */
export const presentCards = (): Card[] =>
  Object.entries(networkInterfaces()).flatMap(([name, infos]) =>
    (infos ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .slice(0, 1)
      .map(({ address, netmask }) => ({ name, address, netmask })),
  );

/** Every IPv4 address of this machine, but the loopback's. */
export const ownAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((infos) =>
    (infos ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );

/** Name of the card the default route leads through (proc(5), /proc/net/route). */
export const defaultRoute = async (): Promise<string | undefined> => {
  const table = await readFile('/proc/net/route', 'utf8').catch(() => '');
  const rows = table.split('\n').map((line) => line.split('\t'));
  return rows.find(([, destination]) => destination === '00000000')?.[0];
};

const attribute = (card: string, name: string): Promise<string> =>
  readFile(`/sys/class/net/${card}/${name}`, 'utf8').then((text) => text.trim());

/** Whether a network card has a link, and how large its packets are (sysfs, class/net). */
export const probeLink = async (card: string, context: ProbeContext): Promise<Probed> => {
  try {
    const flags = Number(await attribute(card, 'flags'));
    const mtu = Number(await attribute(card, 'mtu'));
    // An interface that is down does not tell its carrier.
    const carrier = await attribute(card, 'carrier').catch(() => '0');
    const up = (flags & 1) === 1;
    return done(named, [
      {
        ...{ kind: 'link', at: timestamp(context), by: `the network card ${card}` },
        ...{ interface: card, up, carrier: up && carrier === '1', mtu },
      },
    ]);
  } catch {
    return skipped(named, `this machine has no network card ${card}`);
  }
};
