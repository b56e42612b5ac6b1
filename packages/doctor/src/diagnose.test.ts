import { Observation } from '@drover/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as seen from '../test/support/seen.js';
import { diagnose } from './diagnose.js';
import { faults } from './faults/index.js';

const { drover, router } = seen;
const names = (observations: readonly Observation[]): string[] => diagnose(observations).map(({ fault }) => fault);
/** A healthy network, without some kinds of what is seen there, and with something else. */
const network = (without: readonly Observation['kind'][], ...more: Observation[]): Observation[] => [
  ...seen.healthy().filter(({ kind }) => !without.includes(kind)),
  ...more,
];

/** Number in the catalogue, id, and what is seen where it is there. */
const cases: [number | null, string, Observation[]][] = [
  [null, 'no-link', network(['link'], seen.link({ carrier: false }))],
  [null, 'no-link', network(['link'], seen.link({ up: false, carrier: false }))],
  [2, 'spanning-tree', network([], seen.bpdu())],
  [
    4,
    'rival-server',
    network(['dhcp.offer'], seen.proxyOffer(), seen.offer({ bootOptions: [66, 67], tftpServer: router })),
  ],
  [4, 'rival-server', network([], seen.overheardRival({ server: '10.77.0.7' }))],
  [null, 'no-dhcp', network(['dhcp.offer'])],
  [5, 'no-addresses', network(['dhcp.offer'], seen.proxyOffer())],
  [null, 'not-answered', network(['dhcp.offer'], seen.offer())],
  [null, 'not-named', network(['server', 'dhcp.offer'], seen.server({ dhcpMode: 'off' }), seen.offer())],
  [null, 'several-dhcp-servers', network([], seen.offer({ server: '10.77.0.7', address: '10.77.0.160' }))],
  [
    null,
    'wrong-subnet',
    network(['dhcp.offer'], seen.proxyOffer(), seen.offer({ address: '10.88.0.150', router: null })),
  ],
  [
    6,
    'wrong-interface',
    network(['host'], seen.host({ addresses: [drover] }), seen.heard({ interface: 'eth9', mac: 'dc:a6:32:00:00:09' })),
  ],
  [7, 'relay', network([], seen.heard({ relay: '10.1.0.1' }))],
  [
    9,
    'answers-lost',
    network(
      ['tftp.read'],
      seen.read({ outcome: 'silent', bytes: 0 }),
      seen.read({ outcome: 'silent', blockSize: 512, bytes: 0 }),
    ),
  ],
  [10, 'mtu', network(['tftp.read'], seen.read({ outcome: 'stalled', bytes: 0 }), seen.read({ blockSize: 512 }))],
  [null, 'tftp-closed', network(['tftp.read'], seen.read({ outcome: 'closed', bytes: 0 }))],
  [13, 'file-too-big', network([], seen.file(70_000_000))],
  [null, 'api-unreachable', network(['http'], seen.http({ outcome: 'silent' }))],
  [null, 'http-unreachable', network([], seen.http({ service: 'boot', outcome: 'refused' }))],
  [null, 'nbd-unreachable', network(['service'], seen.service({ outcome: 'refused' }))],
  [null, 'nfs-unreachable', network([], seen.service({ service: 'nfs', port: 2049, outcome: 'silent' }))],
  [18, 'clock', network([], seen.clock({ skewMs: -3_600_000 }))],
  [30, 'port-taken', network([], seen.port({ state: 'held', holder: 'dnsmasq (pid 12)' }))],
  [30, 'port-denied', network([], seen.port({ state: 'denied', holder: null }))],
  [null, 'address-refused', network([], seen.refused('UDP port 4011 is in use.'))],
  [null, 'nothing-served', network(['server'], seen.server({ interfaces: [] }))],
  [null, 'boot-plane-down', network(['server'], seen.server({ bootPlaneReady: false }))],
  [24, 'identity-conflict', network([], seen.conflict('boot prefix 91cdf03d belongs to two boards'))],
  [25, 'duplicate-address', network([], seen.arp({ macs: ['02:00:00:00:00:01', '02:00:00:00:00:02'] }))],
  [25, 'duplicate-address', network([], seen.arp({ address: '10.77.0.150' }))],
  [
    null,
    'simulation-failed',
    network([], seen.simulation({ outcome: 'failed', step: 'config', message: 'not found' })),
  ],
];

describe('the doctor', () => {
  it('names nothing on a healthy network', () => {
    expect(diagnose(seen.healthy())).toEqual([]);
    expect(diagnose([])).toEqual([]);
  });

  it.each(cases)('names fault %s, %s, and that alone', (number, id, observations) => {
    const findings = diagnose(observations);
    expect(findings.map(({ fault }) => fault)).toEqual([id]);
    const [found] = findings;
    expect(faults.find((fault) => fault.id === id)?.number).toBe(number);
    expect(found?.message).toMatch(/^\S.*[.)]$/s);
    expect(found?.remedy).toMatch(/^[A-Z].*\.$/s);
    expect(found?.evidence.length).toBeGreaterThan(0);
  });

  it('has a test for each row, and each row once', () => {
    const ids = faults.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(cases.map(([, id]) => id))).toEqual(new Set(ids));
  });

  it('takes the verdict of a boot that failed for its own', () => {
    const verdict = { fault: 'firmware-missing', message: 'The image has no start4.elf.', remedy: 'Give it another.' };
    const [found] = diagnose(network([], seen.simulation({ outcome: 'failed', step: 'bootloader', verdict })));
    expect(found).toMatchObject({ fault: 'firmware-missing', remedy: 'Give it another.' });
    expect(found?.message).toContain('The image has no start4.elf.');
  });

  it('knows Drover without asking it: who offers a boot menu and no address', () => {
    const offers = [seen.asked(), seen.proxyOffer(), seen.offer()];
    expect(names(offers)).toEqual([]);
    expect(names([...offers, seen.offer({ server: '10.77.0.9', address: null, bootOptions: [43] })])).toEqual([
      'rival-server',
    ]);
  });

  it('takes the option 66 that names Drover for what it is, with its own DHCP off', () => {
    const off = network(
      ['server', 'dhcp.offer'],
      seen.server({ dhcpMode: 'off' }),
      seen.offer({ bootOptions: [66], tftpServer: drover }),
    );
    expect(names(off)).toEqual([]);
  });

  it('says that another network with a router is worse for some boards only', () => {
    const far = network(['dhcp.offer'], seen.proxyOffer(), seen.offer({ address: '10.88.0.150', router: '10.88.0.1' }));
    expect(diagnose(far)).toMatchObject([{ fault: 'wrong-subnet', severity: 'warning' }]);
  });

  it('does not take a board that is heard on two interfaces for lost', () => {
    const onServer = network(['host'], seen.host({ addresses: [drover] }), seen.heard({ interface: 'eth0' }));
    expect(names(onServer)).toEqual([]);
  });

  it('takes the end of a tunnel for what it is, not for the machine of the server', () => {
    const tunnel = network(['http', 'host'], seen.http({ url: 'http://127.0.0.1:8080' }), seen.host());
    const strange = seen.heard({ interface: 'eth9', mac: 'dc:a6:32:00:00:09' });
    expect(names([...tunnel, strange])).toEqual([]);
  });

  it('sees blocks that stall whatever their largest size is set to', () => {
    const reads = [seen.read({ blockSize: 1024, outcome: 'stalled', bytes: 0 }), seen.read({ blockSize: 512 })];
    expect(names(network(['tftp.read'], ...reads))).toEqual(['mtu']);
  });

  it('points at the rule of a firewall where answers are lost', () => {
    const rule = 'udp sport 1024-65535 drop';
    const [found] = diagnose(network(['tftp.read'], seen.read({ outcome: 'silent' }), seen.firewall(rule)));
    expect(found?.remedy).toContain(rule);
    expect(names([seen.firewall(rule)])).toEqual([]);
  });

  it('does not hold against a server what it did before it was mended', () => {
    expect(names(network([], seen.overheardRival({ server: router })))).toEqual([]);
  });

  it('tells errors before warnings', () => {
    const both = diagnose(network(['dhcp.offer'], seen.bpdu()));
    expect(both.map(({ severity }) => severity)).toEqual(['error', 'warning']);
  });

  it('never throws, whatever it is told', () => {
    const word = fc.oneof(fc.string(), fc.constantFrom('10.77.0.1', '', 'http://', '255.255.255.0'));
    const strange = fc.record({ kind: fc.string(), at: word, by: word }) as fc.Arbitrary<unknown>;
    const known = fc.constantFrom<Observation>(...seen.healthy(), seen.bpdu(), seen.overheardRival());
    const changed = fc
      .tuple(known, fc.dictionary(fc.constantFrom('server', 'address', 'netmask', 'url', 'relay', 'at'), word))
      .map(([one, change]) => ({ ...one, ...change }));
    fc.assert(
      fc.property(fc.array(fc.oneof(known, changed, strange)), (observations) => {
        expect(Array.isArray(diagnose(observations as Observation[]))).toBe(true);
      }),
    );
  });

  it('is fed with what the contract describes', () => {
    for (const each of seen.healthy()) expect(Observation.safeParse(each).error).toBeUndefined();
  });
});
