import type { Case, Fault, Found, Seen } from '../fault.js';

/** Faults of cable, switch and addresses. */

const grouped = <T>(items: readonly T[], key: (item: T) => string): T[][] => [
  ...items
    .reduce((groups, item) => groups.set(key(item), [...(groups.get(key(item)) ?? []), item]), new Map<string, T[]>())
    .values(),
];

const portsWithTree = (it: Case): Found[] =>
  grouped(it.of('bpdu'), (each) => each.interface).map((frames) => {
    const [first] = frames as [Seen<'bpdu'>, ...Seen<'bpdu'>[]];
    return {
      message: `Spanning tree (${first.protocol.toUpperCase()}) speaks on ${first.interface}: a port that is no edge port passes nothing for about 30 s after a board is switched on, and a Pi 3 gives up before.`,
      from: frames,
    };
  });

const answeredTwice = (it: Case): Found[] =>
  it
    .of('arp')
    .filter(({ macs }) => macs.length > 1)
    .map((arp) => ({
      message: `${arp.address} belongs to two machines: ${arp.macs.join(' and ')}.`,
      remedy: 'Give one of the two another address.',
      from: [arp],
    }));

const offeredTwice = (it: Case): Found[] =>
  it
    .of('arp')
    .filter(({ macs }) => macs.length === 1)
    .flatMap((arp) => {
      const offer = it.of('dhcp.offer').find(({ address }) => address === arp.address);
      return offer === undefined
        ? []
        : [
            {
              message: `${offer.server} offers the address ${arp.address}, which ${arp.macs[0] ?? 'somebody'} already has.`,
              from: [offer, arp],
            },
          ];
    });

export const linkFaults: readonly Fault[] = [
  {
    id: 'no-link',
    number: null,
    severity: 'error',
    find: (it) =>
      it
        .of('link')
        .filter(({ up, carrier }) => !up || !carrier)
        .map((link) => ({
          message: link.up
            ? `${link.interface} has no link: nothing is at the other end.`
            : `${link.interface} is off.`,
          from: [link],
        })),
    remedy: 'Plug in the cable, switch the port of the switch on, or name another interface with --interface.',
  },
  {
    id: 'spanning-tree',
    number: 2,
    severity: 'warning',
    find: portsWithTree,
    remedy: 'Make the ports of boards edge ports in the switch (portfast, admin-edge).',
  },
  {
    id: 'duplicate-address',
    number: 25,
    severity: 'error',
    find: (it) => [...answeredTwice(it), ...offeredTwice(it)],
    remedy:
      'Take that address out of the pool, or reserve it for whoever has it. A Pi 3 takes an offer without a REQUEST: leave room in the pool.',
  },
];
