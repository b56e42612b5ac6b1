import { faultRemedies } from '@drover/contract';
import { sameNetwork } from '../addresses.js';
import { optionsText } from '../evidence.js';
import type { Case, Fault, Found, Seen } from '../fault.js';

/** Faults between a board and the servers that answer its DISCOVER. */

type Offer = Seen<'dhcp.offer'>;

const offers = (it: Case): readonly Offer[] => it.of('dhcp.offer');
const ours = (it: Case): Offer[] => offers(it).filter(({ server }) => it.isOurs(server));
const withAddress = (it: Case): Offer[] => offers(it).filter(({ address }) => address !== null);
const asked = (it: Case): boolean => it.of('dhcp.asked').length > 0;
const unique = (texts: readonly string[]): string[] => [...new Set(texts)];
const listed = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1) ?? ''}`;

/** With DHCP off, whoever names us in option 66 does what it should. */
const namesUs = (it: Case, tftpServer: string | null): boolean => tftpServer !== null && it.isOurs(tftpServer);

type Rival = Pick<Offer, 'server' | 'bootOptions' | 'tftpServer'>;

const rivals = (it: Case): Found[] => {
  const isRival = ({ server, bootOptions, tftpServer }: Rival): boolean =>
    bootOptions.length > 0 && !it.isOurs(server) && !namesUs(it, tftpServer);
  // Who answers here and now without them was mended since the server heard it.
  const isMended = ({ server }: Rival): boolean => {
    const now = offers(it).filter((each) => each.server === server);
    return now.length > 0 && !now.some(isRival);
  };
  const overheard = it.of('server.rival').filter((each) => isRival(each) && !isMended(each));
  const heard = [...offers(it).filter(isRival), ...overheard];
  return unique(heard.map(({ server }) => server)).map((server) => {
    const from = heard.filter((each) => each.server === server);
    const options = unique(from.flatMap(({ bootOptions }) => bootOptions.map(String))).map(Number);
    const names = unique(from.flatMap(({ tftpServer }) => (tftpServer === null ? [] : [tftpServer])));
    return {
      message: `Another server, ${server}, also tells boards where to boot from (${optionsText(options)}${names.length === 0 ? '' : `, naming ${listed(names)}`}).`,
      from,
    };
  });
};

const severalServers = (it: Case): Found[] => {
  const from = withAddress(it);
  const servers = unique(from.map(({ server }) => server));
  if (servers.length < 2) return [];
  const pools = servers.map(
    (server) =>
      `${server} (${unique(from.filter((each) => each.server === server).map(({ address }) => address ?? '')).join(', ')})`,
  );
  const [first, ...others] = from as [Offer, ...Offer[]];
  const apart = others.some(
    (other) => sameNetwork(first.address ?? '', other.address ?? '', first.netmask ?? '255.255.255.0') === false,
  );
  return [
    {
      message: `${listed(pools)} all hand out addresses${apart ? ', of different networks' : ''}.`,
      severity: apart ? 'error' : 'warning',
      from,
    },
  ];
};

const nobody = (it: Case): Found[] =>
  asked(it) && offers(it).length === 0
    ? [
        {
          message: `Nobody answers a board that asks for an address on ${listed(unique(it.of('dhcp.asked').map((each) => each.interface)))}: neither a DHCP server nor Drover.`,
          from: it.of('dhcp.asked'),
        },
      ]
    : [];

const noAddresses = (it: Case): Found[] =>
  offers(it).length > 0 && withAddress(it).length === 0
    ? [{ message: 'Boards are told where to boot from, but nobody hands out addresses.', from: offers(it) }]
    : [];

const notAnswered = (it: Case): Found[] => {
  const answered = ours(it).length > 0 || offers(it).some(({ tftpServer }) => namesUs(it, tftpServer));
  if (offers(it).length === 0 || answered || it.server?.dhcpMode === 'off') return [];
  const others = unique(offers(it).map(({ server }) => server));
  return [
    {
      message: `${listed(others)} ${others.length === 1 ? 'answers' : 'answer'} boards that ask for an address, but Drover does not.`,
      from: [...it.of('dhcp.asked'), ...offers(it), ...it.of('server')],
      remedy: `Name this network's interface in boot.interfaces, open UDP port 67 to the server and 68 back. ${faultRemedies['not-answered']}`,
    },
  ];
};

const notNamed = (it: Case): Found[] =>
  it.server?.dhcpMode === 'off' &&
  withAddress(it).length > 0 &&
  !offers(it).some((each) => namesUs(it, each.tftpServer))
    ? [
        {
          message:
            "Drover's own DHCP is off (boot.dhcp.mode), and no server of this network names Drover in option 66.",
          from: [it.server, ...withAddress(it)],
        },
      ]
    : [];

const wrongSubnet = (it: Case): Found[] => {
  const boot = unique([
    ...ours(it).map(({ server }) => server),
    ...(it.server?.serverAddress == null ? [] : [it.server.serverAddress]),
  ]);
  return withAddress(it).flatMap((offer) => {
    const mask = offer.netmask ?? '255.255.255.0';
    const isNear = boot.some((address) => sameNetwork(offer.address ?? '', address, mask) !== false);
    if (boot.length === 0 || isNear) return [];
    const routed = offer.router !== null;
    return [
      {
        message: `${offer.server} hands out ${offer.address ?? ''} (netmask ${mask}), a network Drover (${listed(boot)}) is not in${routed ? `: what boards ask goes through ${offer.router ?? ''}, which a Pi 3 cannot` : ', and no router that leads there'}.`,
        severity: routed ? ('warning' as const) : ('error' as const),
        from: [offer, ...ours(it)],
      },
    ];
  });
};

/** Only the machine the server runs on hears what its other interfaces hear. */
const wrongInterface = (it: Case): Found[] => {
  const { server } = it;
  if (!it.onServer || server === undefined) return [];
  const isServed = (name: string): boolean => server.interfaces.some((each) => each.name === name);
  const boards = it.of('dhcp.heard').filter(({ boots }) => boots);
  return unique(boards.map(({ mac }) => mac)).flatMap((mac) => {
    const from = boards.filter((each) => each.mac === mac);
    if (from.some((each) => isServed(each.interface))) return [];
    const where = listed(unique(from.map((each) => each.interface)));
    return [{ message: `The board ${mac} was heard on ${where}, where Drover does not serve.`, from }];
  });
};

const relayed = (it: Case): Found[] => {
  const from = [...it.of('dhcp.heard'), ...offers(it)].filter(({ relay }) => relay !== null);
  return unique(from.map(({ relay }) => relay ?? '')).map((relay) => {
    const refused = it.server?.relay === false;
    return {
      message: `Boards' requests come through the relay ${relay}, which the boot ROM of a Pi 3B cannot cross${refused ? '; and Drover does not answer relays (boot.dhcp.relay)' : ''}.`,
      severity: refused ? ('error' as const) : ('warning' as const),
      remedy: refused ? `Set boot.dhcp.relay to true. ${faultRemedies.relay}` : faultRemedies.relay,
      from: from.filter((each) => each.relay === relay),
    };
  });
};

export const dhcpFaults: readonly Fault[] = [
  {
    id: 'rival-server',
    number: 4,
    severity: 'error',
    find: rivals,
    remedy: faultRemedies['rival-server'],
  },
  {
    id: 'no-dhcp',
    number: null,
    severity: 'error',
    find: nobody,
    remedy:
      'See whether this is the network of the boards (cable, VLAN), whether the DHCP server and Drover run, and whether a firewall stops UDP ports 67 and 68.',
  },
  {
    id: 'no-addresses',
    number: 5,
    severity: 'error',
    find: noAddresses,
    remedy: faultRemedies['no-addresses'],
  },
  {
    id: 'not-answered',
    number: null,
    severity: 'error',
    find: notAnswered,
    remedy: faultRemedies['not-answered'],
  },
  {
    id: 'not-named',
    number: null,
    severity: 'error',
    find: notNamed,
    remedy: 'Set option 66 of the DHCP server to the address of Drover, in digits, or boot.dhcp.mode to proxy.',
  },
  {
    id: 'several-dhcp-servers',
    number: null,
    severity: 'warning',
    find: severalServers,
    remedy: 'Switch one of them off, unless they are meant to share the work and their pools do not overlap.',
  },
  {
    id: 'wrong-subnet',
    number: null,
    severity: 'error',
    find: wrongSubnet,
    remedy:
      'Have that server hand out addresses of the network Drover is in, or give Drover an address in the network of the boards.',
  },
  {
    id: 'wrong-interface',
    number: 6,
    severity: 'error',
    find: wrongInterface,
    remedy: faultRemedies['wrong-interface'],
  },
  {
    id: 'relay',
    number: 7,
    severity: 'warning',
    find: relayed,
    remedy: faultRemedies.relay,
  },
];
