import { faultRemedies, type ProbeOutcome } from '@drover/contract';
import type { Case, Fault, Found } from '../fault.js';

/** Faults of what a board needs after its boot files. */

/** Certificates and signatures with a date bear no more; boards count in seconds from the server's word. */
const mostSkewMs = 60_000;

const how: Readonly<Record<Exclude<ProbeOutcome, 'ok'>, string>> = {
  refused: 'the port is closed',
  silent: 'nothing comes back',
  wrong: 'something else answers',
};

const http = (it: Case, service: 'api' | 'boot', what: string): Found[] =>
  it
    .of('http')
    .filter((each) => each.service === service)
    .flatMap((each) =>
      each.outcome === 'ok'
        ? []
        : [
            {
              message: `${what} at ${each.url} cannot be reached: ${how[each.outcome]}.`,
              from: [each, ...it.of('firewall')],
            },
          ],
    );

const service = (it: Case, name: 'nbd' | 'nfs', what: string): Found[] =>
  it
    .of('service')
    .filter((each) => each.service === name)
    .flatMap((each) =>
      each.outcome === 'ok'
        ? []
        : [
            {
              message: `${what} at ${each.address} port ${each.port} cannot be reached from here: ${how[each.outcome]}.`,
              from: [each, ...it.of('firewall')],
            },
          ],
    );

const durationText = (ms: number): string => {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 120) return `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
};

export const serviceFaults: readonly Fault[] = [
  {
    id: 'api-unreachable',
    number: null,
    severity: 'error',
    find: (it) => http(it, 'api', 'The API of Drover'),
    remedy:
      'Start Drover, name the right server with --server, or open the port to this machine. The rest was looked at without what the server knows.',
  },
  {
    id: 'http-unreachable',
    number: null,
    severity: 'error',
    find: (it) => http(it, 'boot', 'What boards fetch over HTTP (boot.http.listen)'),
    remedy: 'Open that TCP port between the boards and the server, or set boot.http.listen to an address they reach.',
  },
  {
    id: 'nbd-unreachable',
    number: null,
    severity: 'error',
    find: (it) => service(it, 'nbd', 'The disks of boards (NBD, boot.nbd.listen)'),
    remedy:
      'Open that TCP port between the boards and the server, or set boot.nbd.listen to an address they reach. Root modes nbd and stream need it.',
  },
  {
    id: 'nfs-unreachable',
    number: null,
    severity: 'error',
    find: (it) => service(it, 'nfs', 'The directories of boards (NFS)'),
    remedy: 'Open TCP port 2049 between the boards and the server, and see whether its NFS server runs (nfs.driver).',
  },
  {
    id: 'clock',
    number: 18,
    severity: 'error',
    find: (it) =>
      it
        .of('clock')
        .filter(({ skewMs }) => Math.abs(skewMs) > mostSkewMs)
        .map((clock) => ({
          message: `The clock of the server is ${durationText(clock.skewMs)} ${clock.skewMs > 0 ? 'ahead of' : 'behind'} the one here.`,
          from: [clock],
        })),
    remedy: faultRemedies.clock,
  },
];
