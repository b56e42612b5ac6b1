import { faultRemedies } from '@drover/contract';
import type { Case, Fault, Found, Seen } from '../fault.js';

/** Faults of the machine Drover runs on, and what the server itself has noticed. */

const jobs: Readonly<Record<number, string>> = {
  67: 'DHCP',
  69: 'TFTP',
  4011: 'PXE',
};

const portText = ({ protocol, port }: Seen<'port'>): string =>
  `${protocol.toUpperCase()} port ${port}${jobs[port] === undefined ? '' : ` (${jobs[port]})`}`;

const ports = (it: Case, state: 'held' | 'denied', text: (port: Seen<'port'>) => string): Found[] =>
  it
    .of('port')
    .filter((port) => port.state === state)
    .map((port) => ({ message: text(port), from: [port] }));

export const serverFaults: readonly Fault[] = [
  {
    id: 'port-taken',
    number: 30,
    severity: 'error',
    find: (it) =>
      ports(
        it,
        'held',
        (port) => `${portText(port)} is held by ${port.holder ?? 'another program'}, so Drover cannot serve it.`,
      ),
    remedy:
      'Stop that program (systemctl disable --now NAME), or have it leave the port: dnsmasq shares DHCP with bind-dynamic and has no TFTP without enable-tftp.',
  },
  {
    id: 'port-denied',
    number: 30,
    severity: 'error',
    find: (it) => ports(it, 'denied', (port) => `${portText(port)} may not be opened by this user.`),
    remedy:
      'Run Drover with CAP_NET_BIND_SERVICE (the systemd unit in deploy/ does), or as root. If Drover runs as another user, ask as that one.',
  },
  {
    id: 'address-refused',
    number: null,
    severity: 'error',
    find: (it) =>
      it.of('server.refused').map((each) => ({
        message: `The server cannot serve boards at ${each.address}: ${each.reason}`,
        from: [each],
      })),
    remedy: 'See what the message names; the server tries again every few seconds by itself.',
  },
  {
    id: 'nothing-served',
    number: null,
    severity: 'error',
    find: ({ server }) =>
      server !== undefined && server.bootPlaneReady && server.interfaces.length === 0
        ? [
            {
              message: 'The server serves boards on no interface: none that boot.interfaces names is up.',
              from: [server],
            },
          ]
        : [],
    remedy: 'Connect the network of the boards and give its interface an address, or correct boot.interfaces.',
  },
  {
    id: 'boot-plane-down',
    number: null,
    severity: 'error',
    find: ({ server }) =>
      server?.bootPlaneReady === false
        ? [{ message: 'The part of the server that boards speak to (the boot plane) is down.', from: [server] }]
        : [],
    remedy: 'See the log of the server: it says why, and that it tries again.',
  },
  {
    id: 'identity-conflict',
    number: 24,
    severity: 'error',
    find: (it) =>
      it.of('server.conflict').map((each) => ({
        message: `Two boards show the same identity: ${each.reason}. Neither is served while that is so.`,
        from: [each],
      })),
    remedy: faultRemedies['identity-conflict'],
  },
];
