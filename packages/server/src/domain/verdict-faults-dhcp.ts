import { faultRemedies } from '@drover/contract';
import { entries, files, rival } from './verdict-traces.js';
import type { Case, Fault } from './verdict.js';

/** Faults before the first file: what happens, or does not, between a board and the DHCP servers of its network. */

const noFile = ({ timeline }: Case): boolean => files(timeline).length === 0;
const discovers = ({ timeline }: Case) => entries(timeline, 'dhcp.discover');
const answered = ({ timeline }: Case): boolean => entries(timeline, 'dhcp.offer').length > 0;

export const dhcpFaults: readonly Fault[] = [
  {
    id: 'rival-server',
    number: 4,
    test: ({ timeline }) => {
      const other = rival(timeline);
      const names = other?.options.filter((option) => [43, 60, 66, 67].includes(option)).join(', ');
      return other && `Another server, ${other.server}, also tells this board where to boot from (options ${names}).`;
    },
    remedy: faultRemedies['rival-server'],
  },
  {
    id: 'wrong-interface',
    number: 6,
    test: (it) => {
      const ignored = entries(it.timeline, 'dhcp.ignored').find(({ reason }) => /interface/i.test(reason));
      return ignored && !answered(it)
        ? `The board was heard where Drover does not serve: ${ignored.reason}.`
        : undefined;
    },
    remedy: faultRemedies['wrong-interface'],
  },
  {
    id: 'relay',
    number: 7,
    test: (it) => {
      const relay = discovers(it).find((entry) => entry.relay !== undefined)?.relay;
      return relay !== undefined && noFile(it) && ['rom', 'bc'].includes(it.session.firmware)
        ? `The DISCOVER came through the relay ${relay}, which the boot ROM of a Pi 3B cannot cross.`
        : undefined;
    },
    remedy: faultRemedies.relay,
  },
  {
    id: 'rom-gave-up',
    number: 3,
    test: (it) =>
      noFile(it) && it.session.firmware === 'rom' && discovers(it).length >= 5
        ? 'The five tries of the boot ROM are over; it sleeps until it is switched off and on.'
        : undefined,
    remedy: 'Switch the board off and on. If it happens again, set boot.dhcp.delays.rom between 1000 and 2000.',
  },
  {
    id: 'no-addresses',
    number: 5,
    test: (it) =>
      noFile(it) &&
      answered(it) &&
      it.facts.dhcpMode === 'proxy' &&
      discovers(it).length >= 3 &&
      entries(it.timeline, 'dhcp.request').length === 0
        ? 'The board asks again and again for an address and gets none: only our own offer answers, and it holds no address.'
        : undefined,
    remedy: faultRemedies['no-addresses'],
  },
  {
    id: 'no-file-request',
    number: 8,
    test: (it) => (noFile(it) && answered(it) ? 'The board was answered, but never asked for a file.' : undefined),
    remedy: 'Option 66 of the router may win over ours, or a firewall drops UDP port 69.',
  },
  {
    id: 'not-answered',
    number: null,
    test: (it) =>
      noFile(it) && !answered(it) && discovers(it).length > 0 ? 'The board asked, and was not answered.' : undefined,
    remedy: faultRemedies['not-answered'],
  },
];
