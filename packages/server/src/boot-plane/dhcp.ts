import { isDoctorMac, type FirmwareKind, type Model } from '@drover/contract';
import type { ClientKind, Lease, Recognised } from '@drover/protocols/dhcp';
import type { StoredLease, WireIdentity } from '../app/boot/ports.js';
import type { BootAnswers, DhcpSighting, LeaseBook } from '../app/boot/plane/ports.js';
import type {
  DhcpDecision,
  DhcpEvent,
  DhcpListenerDeps,
  DhcpObservation,
  LeaseStore,
} from '../listeners/dhcp/index.js';

/** Joins the DHCP listener to the application: words of the wire to words of the boot plane and back. */

const firmwareOf: Readonly<Record<ClientKind, FirmwareKind>> = {
  rom: 'rom',
  bc: 'bc',
  ee: 'ee',
  edk2: 'edk2',
  ipxe: 'ipxe',
  uboot: 'uboot',
  'pxe-other': 'unknown',
  other: 'unknown',
};

const modelOf = (model: NonNullable<Recognised['model']>): Model => {
  if (model === 'cm1') return 'pi1';
  if (model === 'cm3+') return 'cm3';
  return model === 'cm4s' ? 'cm4' : model;
};

const isMac = (mac: string): boolean => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac);

const wireOf = (site: string, client: Recognised): WireIdentity & { mac: string } => ({
  site,
  mac: client.mac,
  firmware: firmwareOf[client.kind],
  isPi: client.kind === 'rom' || client.kind === 'bc' || client.kind === 'ee',
  ...(client.model === undefined ? {} : { model: modelOf(client.model) }),
  ...(client.serial32 === undefined ? {} : { bootPrefix: client.serial32 }),
  ...(client.architecture === undefined ? {} : { architecture: client.architecture }),
});

export interface DhcpWiring {
  readonly answers: BootAnswers;
  readonly site: string;
  readonly mode: 'proxy' | 'full' | 'off';
  /** Answer boards that belong to nobody, so that they go on and show more of themselves. */
  readonly offerUnknown: boolean;
  /** Names of the interfaces served; a broadcast does not tell which one it came in by. */
  readonly interfaces: () => readonly { readonly name: string; readonly address: string }[];
  readonly serverAddress: string | undefined;
  /** Another server answered. */
  readonly otherServer: (event: Extract<DhcpEvent, { kind: 'other-server' }>) => void;
}

export function wireDhcp(wiring: DhcpWiring): Pick<DhcpListenerDeps, 'decide' | 'observe'> {
  const { answers, mode } = wiring;
  const bootServer = wiring.serverAddress === undefined ? {} : { bootServer: wiring.serverAddress };

  const sightingOf = (seen: DhcpObservation): DhcpSighting => ({
    wire: wireOf(wiring.site, seen.client),
    message: seen.type === 'discover' || seen.type === 'request' || seen.type === 'inform' ? seen.type : 'other',
    firmware: seen.client.kind !== 'other',
    xid: seen.xid,
    interface: interfaceOf(seen),
    ...(seen.relay === undefined ? {} : { relay: seen.relay }),
    ...(seen.address === undefined ? {} : { address: seen.address }),
  });

  const interfaceOf = ({ localAddress }: DhcpObservation): string => {
    const served = wiring.interfaces();
    const one = served.find(({ address }) => address === localAddress);
    return one?.name ?? served.map(({ name }) => name).join(',');
  };

  /** Those that go through `decide`, where a DISCOVER is noted. */
  const isDecided = ({ client, type, door }: DhcpObservation): boolean =>
    client.kind !== 'other' && (door === 'pxe' || type === 'discover');

  const decide = async (seen: DhcpObservation): Promise<DhcpDecision> => {
    if (!isMac(seen.client.mac)) return { answer: false, why: 'its hardware address is not an Ethernet address' };
    const decision = await answers.dhcp(sightingOf(seen));
    // A board of the network doctor's that nobody registered: it wants to see our answer, and no device comes of it.
    if (decision.kind === 'ignore' && isDoctorMac(seen.client.mac)) return { answer: true, ...bootServer };
    if (decision.kind === 'ignore') return { answer: false, why: decision.reason };
    if (!decision.bootable && !decision.adopted && !wiring.offerUnknown) {
      return { answer: false, why: 'it is not adopted, and boot.offerUnknown is off' };
    }
    return {
      answer: true,
      ...(decision.bootFile === null ? {} : { bootFile: decision.bootFile }),
      ...bootServer,
    };
  };

  const observe = (event: DhcpEvent): void => {
    switch (event.kind) {
      case 'request':
        if (isMac(event.observation.client.mac) && !isDecided(event.observation)) {
          answers.heard(sightingOf(event.observation));
        }
        return;
      case 'answer':
        if (event.address !== undefined && event.type === 'ack') answers.learnAddress(event.client.mac, event.address);
        if (event.type === 'offer') {
          const delayMs = Math.max(0, Math.round(event.ms));
          answers.note(event.client.mac, { type: 'dhcp.offer', mac: event.client.mac, server: event.server, delayMs });
        }
        return;
      case 'ignored': {
        const { mac } = event.observation.client;
        // In full mode every stranger's DISCOVER without room in the pool comes by here.
        if (event.observation.client.kind !== 'other' || mode === 'full') {
          answers.note(mac, { type: 'dhcp.ignored', mac, reason: event.why });
        }
        return;
      }
      case 'other-server':
        wiring.otherServer(event);
        if (event.type === 'ack') answers.learnAddress(event.mac, event.address);
        if (event.conflicts) {
          answers.note(event.mac, {
            type: 'dhcp.rival',
            mac: event.mac,
            server: event.server,
            options: [...event.options],
          });
        }
    }
  };

  return { decide, observe };
}

/** A declined address belongs to nobody we know; it is kept under its own name. */
const clientIdOf = ({ state, address, mac }: Lease): string => (state === 'declined' ? `declined ${address}` : mac);

/** Leases of one site for the listener, whose clock counts seconds. */
export const leaseStoreFor = (book: LeaseBook, site: string): LeaseStore => ({
  load: async () =>
    (await book.load(site)).map(({ address, mac, state, expiresAt }) => ({
      address,
      mac,
      state,
      expiresAt: Math.floor(expiresAt / 1000),
    })),
  save: async (lease) => {
    const stored: StoredLease = {
      site,
      clientId: clientIdOf(lease),
      mac: lease.mac,
      address: lease.address,
      state: lease.state,
      expiresAt: lease.expiresAt * 1000,
    };
    book.save(stored);
  },
});
