import type { Observation } from '@drover/contract';
import type { Seen } from '../../src/fault.js';

/** Literal observations of a healthy network, to be changed one by one. */

const common = { at: '2026-11-30T10:00:00.000Z', by: 'a test' };
export const drover = '10.77.0.1';
export const router = '10.77.0.254';

type Of<K extends Observation['kind']> = Partial<Omit<Seen<K>, 'kind'>>;

export const asked = (more: Of<'dhcp.asked'> = {}): Seen<'dhcp.asked'> => ({
  ...{ kind: 'dhcp.asked', ...common, interface: 'eth0', address: '10.77.0.101', netmask: '255.255.255.0' },
  ...{ clients: ['rom', 'ee'], seconds: 4 },
  ...more,
});
export const offer = (more: Of<'dhcp.offer'> = {}): Seen<'dhcp.offer'> => ({
  ...{ kind: 'dhcp.offer', ...common, client: 'ee', server: router, address: '10.77.0.150', netmask: '255.255.255.0' },
  ...{ router, bootOptions: [], tftpServer: null, bootFile: null, menu: false, relay: null },
  ...more,
});
export const proxyOffer = (more: Of<'dhcp.offer'> = {}): Seen<'dhcp.offer'> =>
  offer({ server: drover, address: null, netmask: null, router: null, bootOptions: [43, 60], menu: true, ...more });
export const heard = (more: Of<'dhcp.heard'> = {}): Seen<'dhcp.heard'> => ({
  ...{ kind: 'dhcp.heard', ...common, interface: 'br0', mac: 'dc:a6:32:01:02:03', boots: true, relay: null },
  ...more,
});
export const bpdu = (more: Of<'bpdu'> = {}): Seen<'bpdu'> => ({
  ...{ kind: 'bpdu', ...common, interface: 'eth0', protocol: 'rstp', from: '00:1b:21:00:00:01' },
  ...more,
});
export const link = (more: Of<'link'> = {}): Seen<'link'> => ({
  ...{ kind: 'link', ...common, interface: 'eth0', up: true, carrier: true, mtu: 1500 },
  ...more,
});
export const arp = (more: Of<'arp'> = {}): Seen<'arp'> => ({
  ...{ kind: 'arp', ...common, interface: 'eth0', address: drover, macs: ['02:00:00:00:00:01'] },
  ...more,
});
export const read = (more: Of<'tftp.read'> = {}): Seen<'tftp.read'> => ({
  ...{ kind: 'tftp.read', ...common, server: drover, port: 69, path: 'drover-doctor/probe', blockSize: 1468 },
  ...{ outcome: 'ok', bytes: 16_384 },
  ...more,
});
export const http = (more: Of<'http'> = {}): Seen<'http'> => ({
  ...{ kind: 'http', ...common, service: 'api', url: `http://${drover}:8080`, outcome: 'ok' },
  ...more,
});
export const service = (more: Of<'service'> = {}): Seen<'service'> => ({
  ...{ kind: 'service', ...common, service: 'nbd', address: drover, port: 10_809, outcome: 'ok' },
  ...more,
});
export const clock = (more: Of<'clock'> = {}): Seen<'clock'> => ({
  ...{ kind: 'clock', ...common, url: `http://${drover}:8080`, server: common.at, here: common.at, skewMs: 12 },
  ...more,
});
export const port = (more: Of<'port'> = {}): Seen<'port'> => ({
  ...{ kind: 'port', ...common, protocol: 'udp', port: 69, state: 'ours', holder: 'drover' },
  ...more,
});
export const host = (more: Of<'host'> = {}): Seen<'host'> => ({
  ...{ kind: 'host', ...common, addresses: ['10.77.0.101'] },
  ...more,
});
export const server = (more: Of<'server'> = {}): Seen<'server'> => ({
  ...{ kind: 'server', ...common, version: '0.1.0', dhcpMode: 'proxy', relay: false, serverAddress: null },
  ...{ interfaces: [{ name: 'br0', address: drover, netmask: '255.255.255.0' }], unserved: [], tftpMaxBlockSize: 1468 },
  ...{ ports: { dhcp: 67, tftp: 69, http: 8081, nbd: 10_809, nfs: null }, bootPlaneReady: true },
  ...more,
});
export const firewall = (rule: string): Seen<'firewall'> => ({ kind: 'firewall', ...common, tool: 'nft', rule });
export const refused = (reason: string): Seen<'server.refused'> => ({
  ...{ kind: 'server.refused', ...common, address: drover, reason },
});
export const overheardRival = (more: Of<'server.rival'> = {}): Seen<'server.rival'> => ({
  ...{ kind: 'server.rival', ...common, server: router, bootOptions: [66], tftpServer: router, bootFile: null },
  ...more,
});
export const conflict = (reason: string): Seen<'server.conflict'> => ({ kind: 'server.conflict', ...common, reason });
export const file = (bytes: number): Seen<'server.file'> => ({
  ...{ kind: 'server.file', ...common, image: 'big:1', path: 'initrd.img', bytes },
});
export const simulation = (more: Of<'simulation'> = {}): Seen<'simulation'> => ({
  ...{ kind: 'simulation', ...common, model: 'pi4', outcome: 'up', step: null, message: 'session bs_1', verdict: null },
  ...more,
});

/** What the doctor sees where nothing is wrong. */
export const healthy = (): Observation[] => [
  host(),
  link(),
  server(),
  asked(),
  offer(),
  offer({ client: 'rom' }),
  proxyOffer(),
  proxyOffer({ client: 'rom' }),
  heard(),
  arp(),
  read(),
  read({ blockSize: 512 }),
  http(),
  http({ service: 'boot', url: `http://${drover}:8081` }),
  service(),
  clock(),
  port(),
  file(20_000_000),
  simulation(),
];
