import { faultRemedies } from '@drover/contract';
import type { Case, Fault, Found, Seen } from '../fault.js';

/** Faults of the way boot files take. */

type Read = Seen<'tftp.read'>;

/** Largest file a bootloader from before 2025-09-23 can count through, by its block size (wire reference, section 3). */
const lastBlock = 65_535;
const limits = { old: lastBlock * 1024, middle: lastBlock * 1468 } as const;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

/** Reads of one server, in one group each. */
const byServer = (it: Case): Map<string, Read[]> =>
  it.of('tftp.read').reduce((groups, read) => {
    const key = `${read.server} port ${read.port}`;
    return groups.set(key, [...(groups.get(key) ?? []), read]);
  }, new Map<string, Read[]>());

const came = ({ outcome }: Read): boolean => outcome === 'ok' || outcome === 'not-found' || outcome === 'refused';
const failed = ({ outcome }: Read): boolean => outcome === 'silent' || outcome === 'stalled';

const full = (it: Case): Found[] =>
  [...byServer(it)].flatMap(([, reads]) => {
    const passed = reads.filter(came);
    const smallest = Math.min(...passed.map(({ blockSize }) => blockSize));
    const stalled = reads.filter((read) => failed(read) && read.blockSize > smallest);
    const [first] = stalled;
    if (first === undefined || passed.length === 0) return [];
    const links = it.of('link').filter(({ mtu }) => mtu < 1500);
    const where =
      links.length === 0 ? '' : ` ${links.map((link) => `${link.interface} has an MTU of ${link.mtu}`).join(', ')}.`;
    return [
      {
        message: `Files from ${first.server} stall in blocks of ${first.blockSize} bytes and come in blocks of ${smallest}: something on the way does not pass full packets.${where}`,
        from: [...stalled, ...passed, ...links],
      },
    ];
  });

const lost = (it: Case): Found[] =>
  [...byServer(it)].flatMap(([where, reads]) => {
    if (reads.some(came) || !reads.some(failed)) return [];
    const rules = it.of('firewall');
    return [
      {
        message: `Requests for files go to ${where}, and no answer comes back: the request or the answer, which comes from another port, is dropped on the way.`,
        from: [...reads, ...rules],
        ...(rules.length === 0
          ? {}
          : { remedy: `${faultRemedies['answers-lost']} A rule of this machine may be it: ${rules[0]?.rule ?? ''}.` }),
      },
    ];
  });

const closed = (it: Case): Found[] =>
  [...byServer(it)].flatMap(([where, reads]) =>
    reads.length > 0 && reads.every(({ outcome }) => outcome === 'closed')
      ? [{ message: `Nothing listens at ${where}, where boards ask for their files (TFTP).`, from: reads }]
      : [],
  );

const tooBig = (it: Case): Found[] =>
  it
    .of('server.file')
    .filter(({ bytes }) => bytes > limits.old)
    .map((file) => ({
      message: `${file.path} of ${file.image} has ${megabytes(file.bytes)}: ${file.bytes > limits.middle ? 'bootloaders from before 2025-09-23 cannot load it over TFTP' : `bootloaders from before 2022-10-03 cannot load more than ${megabytes(limits.old)} over TFTP`}.`,
      from: [file],
    }));

export const fileFaults: readonly Fault[] = [
  {
    id: 'mtu',
    number: 10,
    severity: 'error',
    find: full,
    remedy: faultRemedies.mtu,
  },
  {
    id: 'answers-lost',
    number: 9,
    severity: 'error',
    find: lost,
    remedy: faultRemedies['answers-lost'],
  },
  {
    id: 'tftp-closed',
    number: null,
    severity: 'error',
    find: closed,
    remedy: 'See whether Drover runs and serves that interface (boot.interfaces), and whether boot.tftp.port is 69.',
  },
  {
    id: 'file-too-big',
    number: 13,
    severity: 'warning',
    find: tooBig,
    remedy: faultRemedies['file-too-big'],
  },
];
