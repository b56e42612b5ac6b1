import type { Check, DoctorReport, Observation } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { sameNetwork } from '../addresses.js';
import { diagnose } from '../diagnose.js';
import { caseOf, type Case } from '../fault.js';
import { probeArp } from './arp.js';
import { askForAddresses } from './dhcp.js';
import { probeFirewall } from './firewall.js';
import { probeBootHttp } from './http.js';
import { defaultRoute, ownAddresses, presentCards, probeLink } from './link.js';
import { listenForBoards, listenForTree } from './listen.js';
import { probePorts } from './ports.js';
import { skipped, timestamp, type Card, type Probed, type ProbeContext } from './probe.js';
import { probeService } from './services.js';
import { askServer } from './server.js';
import { probeTftp } from './tftp.js';

/** What the doctor does, in order, told while it does it. */
export type Progress =
  | { readonly type: 'cards'; readonly cards: readonly Card[]; readonly seconds: number }
  | { readonly type: 'check'; readonly check: Check };

/** A further examination, after the others and from the first of the cards: boards that are played. */
export type Further = (card: Card | undefined, context: ProbeContext) => Promise<readonly Probed[]>;

export interface ExamineOptions {
  readonly client: Client;
  /** Somebody named the server, or it has a stored context. */
  readonly serverIsNamed: boolean;
  /** The network card; by default those the server serves where it runs here, else that of the default route. */
  readonly interface?: string;
  /** How long is listened. */
  readonly seconds: number;
  /** Name of this machine. */
  readonly host: string;
  readonly now: () => number;
  readonly further?: Further;
  readonly onProgress: (progress: Progress) => void;
}

const defaultPorts = { dhcp: 67, tftp: 69, http: 8081, nbd: 10_809, nfs: null };
const pxePort = 4011;
/** What fills an Ethernet frame, and what an up-to-date bootloader asks for. */
const fullBlock = 1468;

const pickCards = async (wanted: string | undefined, it: Case): Promise<readonly Card[]> => {
  const cards = presentCards();
  if (wanted !== undefined) return cards.filter(({ name, address }) => name === wanted || address === wanted);
  const served = it.onServer
    ? cards.filter(({ name }) => it.server?.interfaces.some((each) => each.name === name))
    : [];
  if (served.length > 0) return served;
  const route = await defaultRoute();
  return cards.filter(({ name }, index) => (route === undefined ? index === 0 : name === route)).slice(0, 1);
};

/** Where a board on this card would go for its files: the address Drover answered with, else the nearest one it is known to have. */
const bootServers = (card: Card, it: Case): string[] => {
  const answered = it.of('dhcp.offer').filter(({ server, menu }) => menu && it.isOurs(server));
  if (it.server?.serverAddress != null) return [it.server.serverAddress];
  if (answered.length > 0) return [...new Set(answered.map(({ server }) => server))].slice(0, 2);
  const known = (it.server?.interfaces ?? []).map(({ address }) => address);
  const near = known.filter((address) => sameNetwork(address, card.address, card.netmask) === true);
  if (near.length > 0) return near.slice(0, 1);
  const asked = it.of('http').flatMap(({ url }) => /^https?:\/\/(\d+\.\d+\.\d+\.\d+)/.exec(url)?.[1] ?? []);
  const away = asked.filter((address) => !address.startsWith('127.'));
  return [...(away.length > 0 ? away : it.onServer ? [card.address] : known)].slice(0, 1);
};

const portsOf = (it: Case) => it.server?.ports ?? defaultPorts;

/** From a card, everything that can be seen at the same time. */
const listenOn = async (card: Card, seconds: number, context: ProbeContext): Promise<readonly Probed[]> => {
  const link = await probeLink(card.name, context);
  const isDead = link.observations.some((seen) => seen.kind === 'link' && !seen.carrier);
  if (isDead)
    return [link, skipped({ name: 'dhcp', title: 'Who answers boards that ask for an address' }, 'there is no link')];
  return [
    link,
    ...(await Promise.all([askForAddresses(card, seconds, context), listenForTree(card.name, seconds, context)])),
  ];
};

/** What a board needs from its server, asked from this card. */
const visitServers = async (card: Card, it: Case, context: ProbeContext): Promise<readonly Probed[]> => {
  const ports = portsOf(it);
  const servers = bootServers(card, it);
  if (servers.length === 0) {
    return [
      skipped(
        { name: 'tftp', title: 'Boot files over TFTP' },
        'no boot server is known: none answered, and none was named',
      ),
    ];
  }
  const blockSize = Math.min(it.server?.tftpMaxBlockSize ?? fullBlock, fullBlock);
  const visits = servers.flatMap((server) => [
    probeTftp({ server, port: ports.tftp, blockSize }, context),
    probeBootHttp(server, ports.http, context),
    probeService('nbd', server, ports.nbd, context),
    ...(ports.nfs === null ? [] : [probeService('nfs', server, ports.nfs, context)]),
  ]);
  return Promise.all(visits);
};

const arpTargets = (it: Case): string[] =>
  [
    ...it.of('dhcp.offer').flatMap(({ address, router, server }) => [address, router, server]),
    ...it.of('tftp.read').map(({ server }) => server),
  ].filter((address) => address !== null);

/** The machine Drover runs on, or is to run on. */
const lookAtMachine = async (it: Case, context: ProbeContext): Promise<readonly Probed[]> => {
  if (!it.onServer) return [await probeFirewall(context)];
  const { dhcp, tftp } = portsOf(it);
  const withDhcp = it.server?.dhcpMode === 'off' ? [] : [dhcp, pxePort];
  const wanted = { ports: [...withDhcp, tftp], serverRuns: it.server !== undefined };
  return Promise.all([probePorts(wanted, context), probeFirewall(context)]);
};

/**
 * Looks at a network from this machine and says what is wrong with it. What the network does is never an error; what cannot be looked at is a check
 * that was skipped.
 * @throws the reason of the signal, when it is called off
 */
export const examine = async (options: ExamineOptions, signal: AbortSignal): Promise<DoctorReport> => {
  const context: ProbeContext = { signal, now: options.now };
  const startedAt = timestamp(context);
  const observations: Observation[] = [{ kind: 'host', at: startedAt, by: options.host, addresses: ownAddresses() }];
  const checks: Check[] = [];
  const note = (probed: Probed, suffix = ''): Probed => {
    const check = { ...probed.check, title: `${probed.check.title}${suffix}` };
    checks.push(check);
    observations.push(...probed.observations);
    options.onProgress({ type: 'check', check });
    return probed;
  };
  const noteAll = (all: readonly Probed[], suffix?: string): void => all.forEach((probed) => note(probed, suffix));
  const { client, serverIsNamed: isNamed, seconds, interface: wanted } = options;

  note(await askServer({ client, isNamed }, context));
  const cards = await pickCards(wanted, caseOf(observations));
  options.onProgress({ type: 'cards', cards, seconds });
  if (cards.length === 0) noteAll(await withoutCard(wanted, context));
  const suffixOf = ({ name }: Card): string => ` (${name})`;

  const listening = cards.map(async (card) => noteAll(await listenOn(card, seconds, context), suffixOf(card)));
  const onMachine = lookAtMachine(caseOf(observations), context).then((all) => noteAll(all));
  await Promise.all([...listening, onMachine, listenForBoards(seconds, context).then((probed) => note(probed))]);

  for (const card of cards) noteAll(await visitServers(card, caseOf(observations), context), suffixOf(card));
  for (const card of cards) note(await probeArp(card, arpTargets(caseOf(observations)), context), suffixOf(card));
  if (options.further !== undefined) noteAll(await options.further(cards[0], context));
  signal.throwIfAborted();

  const findings = diagnose(observations);
  return {
    ...{ startedAt, endedAt: timestamp(context), host: options.host, findings, checks, observations },
    server: observations.some(({ kind }) => kind === 'server' || kind === 'http') ? client.baseUrl : null,
    healthy: findings.length === 0,
  };
};

/** A card without an address can be looked at, and nothing can be asked from it. */
const withoutCard = async (wanted: string | undefined, context: ProbeContext): Promise<readonly Probed[]> => {
  const reason =
    wanted === undefined
      ? 'no network card of this machine has an IPv4 address'
      : `${wanted} has no IPv4 address on this machine`;
  const asking = skipped({ name: 'dhcp', title: 'Who answers boards that ask for an address' }, reason);
  return wanted === undefined ? [asking] : [await probeLink(wanted, context), asking];
};
