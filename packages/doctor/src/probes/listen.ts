import { readFile, readdir, access } from 'node:fs/promises';
import { isDoctorMac, type Observation } from '@drover/contract';
import { capture } from './capture.js';
import { readCooked, readEthernet } from './frames.js';
import { done, skipped, timestamp, type Probed, type ProbeContext } from './probe.js';

/** What can be heard without asking: spanning tree on the card, and boards that ask for an address anywhere on this machine. */

const tree = { name: 'bpdu', title: 'Spanning tree on the port of the switch' };
const boards = { name: 'dhcp.heard', title: 'Boards that ask for an address, and on which interface' };

/** 802.1D's group address and Cisco's for its tree per VLAN. */
const treeFilter = 'ether dst 01:80:c2:00:00:00 or ether dst 01:00:0c:cc:cc:cd';
/** A flood of frames proves no more than the first of them. */
const mostHeard = 64;

/** Keeps the first of each kind, and not for ever. */
const createNotes = (keyOf: (seen: Observation) => string) => {
  const notes = new Map<string, Observation>();
  return {
    add: (seen: Observation): void => {
      const key = keyOf(seen);
      if (notes.size < mostHeard && !notes.has(key)) notes.set(key, seen);
    },
    all: (): Observation[] => [...notes.values()],
  };
};

export const listenForTree = async (card: string, seconds: number, context: ProbeContext): Promise<Probed> => {
  const notes = createNotes((seen) => (seen.kind === 'bpdu' ? `${seen.protocol} ${seen.from}` : ''));
  const take = (bytes: Buffer): void => {
    const frame = readEthernet(bytes);
    if (frame?.kind !== 'bpdu') return;
    const { protocol, from } = frame;
    notes.add({ kind: 'bpdu', at: timestamp(context), by: `frames on ${card}`, interface: card, protocol, from });
  };
  const heard = await capture({ card, filter: treeFilter, ms: seconds * 1000, take }, context.signal);
  return heard.ok ? done(tree, notes.all()) : skipped(tree, heard.reason, notes.all());
};

/** Names by kernel index, without those that are ports of a bridge: a frame on one of them is seen on the bridge as well. */
const cardNames = async (): Promise<Map<number, string>> => {
  const names = new Map<number, string>();
  for (const name of await readdir('/sys/class/net').catch(() => [])) {
    const index = Number(await readFile(`/sys/class/net/${name}/ifindex`, 'utf8').catch(() => 'NaN'));
    const isPort = await access(`/sys/class/net/${name}/master`).then(
      () => true,
      () => false,
    );
    if (Number.isInteger(index) && !isPort) names.set(index, name);
  }
  return names;
};

/** On every interface of this machine. What the doctor's own boards say is left out. */
export const listenForBoards = async (seconds: number, context: ProbeContext): Promise<Probed> => {
  const names = await cardNames();
  const notes = createNotes((seen) =>
    seen.kind === 'dhcp.heard' ? `${seen.interface} ${seen.mac} ${seen.relay ?? ''}` : '',
  );
  const take = (bytes: Buffer): void => {
    const cooked = readCooked(bytes);
    if (cooked?.frame?.kind !== 'dhcp' || cooked.outgoing || isDoctorMac(cooked.frame.mac)) return;
    const name = names.get(cooked.index);
    if (name === undefined || name === 'lo') return;
    const { mac, boots, relay } = cooked.frame;
    notes.add({
      kind: 'dhcp.heard',
      at: timestamp(context),
      by: `frames on ${name}`,
      interface: name,
      mac,
      boots,
      relay,
    });
  };
  const heard = await capture({ card: 'any', filter: 'udp dst port 67', ms: seconds * 1000, take }, context.signal);
  return heard.ok ? done(boards, notes.all()) : skipped(boards, heard.reason, notes.all());
};
