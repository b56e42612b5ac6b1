import {
  success,
  type Check,
  type DoctorReport,
  type Observation,
  type Principal,
  type Result,
} from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import { bootFilesOf } from '../images/derivatives.js';
import type { Images } from '../images/images.js';
import type { InitramfsPart } from '../../domain/boot-plan.js';
import type { Clock } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { BootPlaneView, Diagnose, MachineInterface, ServedBoards } from './ports.js';

export interface DoctorDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly images: Pick<Images, 'list' | 'files'>;
  readonly boards: ServedBoards;
  readonly bootPlane: BootPlaneView;
  /** Of this machine, as they are now: those with an IPv4 address, but the loopback. */
  readonly interfaces: () => readonly MachineInterface[];
  /** Those of them that are to be served, by the settings. */
  readonly wanted: () => readonly MachineInterface[];
  readonly conflicts: () => readonly { readonly reason: string; readonly at: number }[];
  readonly diagnose: Diagnose;
  readonly host: string;
  readonly version: string;
}

/** What the server itself knows of its network. It sends nothing: `drover doctor` looks at the network, with this in hand. */
export interface Doctor {
  readonly report: (who: Principal) => Promise<Result<DoctorReport>>;
}

const by = 'the server';
/** Images looked at, newest first: a file too big is found at import, and told again here. */
const mostImages = 50;
/** More than any boot partition holds. */
const mostFiles = 100_000;
/** Where the composed initramfs appears among a board's files. */
const initramfsName = 'the initramfs';

/** One initramfs holds what is common to an architecture and the modules of one kernel. */
const initramfsSize = (parts: readonly InitramfsPart[]): number =>
  Math.max(
    0,
    ...parts
      .filter(({ kind }) => kind === 'common')
      .map(({ architecture, size }) => {
        const modules = parts.filter((part) => part.kind === 'modules' && part.architecture === architecture);
        return size + Math.max(0, ...modules.map((part) => part.size));
      }),
  );

export const createDoctor = (deps: DoctorDeps): Doctor => {
  const { store, clock, images, boards, bootPlane } = deps;
  const time = (ms: number): string => new Date(ms).toISOString();

  const ofItself = (at: string): Observation[] => {
    const { network } = bootPlane;
    // Until the boot plane has told, it serves what it is set to serve.
    const interfaces = network?.served ?? deps.wanted();
    const isServed = ({ address }: MachineInterface): boolean => interfaces.some((each) => each.address === address);
    return [
      {
        ...{ kind: 'server', at, by, version: deps.version, ...boards },
        interfaces: [...interfaces],
        unserved: deps.interfaces().filter((each) => !isServed(each)),
        bootPlaneReady: bootPlane.ready,
      },
      ...(network?.refused ?? []).map((each): Observation => ({ kind: 'server.refused', at, by, ...each })),
      ...(network?.rivals ?? []).map(({ server, options, tftpServer, bootFile, at: heardAt }): Observation => ({
        ...{ kind: 'server.rival', at: time(heardAt), by, server, tftpServer, bootFile },
        bootOptions: [...options],
      })),
      ...deps
        .conflicts()
        .map(({ reason, at: toldAt }): Observation => ({ kind: 'server.conflict', at: time(toldAt), by, reason })),
    ];
  };

  /** The largest boot file of each image that this key sees. */
  const largestFiles = async (who: Principal, at: string): Promise<Observation[]> => {
    const { items } = await images.list(who, { limit: mostImages });
    const found: Observation[] = [];
    for (const image of items.filter(({ state }) => state === 'ready')) {
      const files = await images.files(who, image.id, { limit: mostFiles });
      const parts = bootFilesOf(await store.read((tx) => tx.images.derivatives(image.id)))?.initramfs ?? [];
      const all = [
        ...(files.ok ? files.value.items : []),
        ...(parts.length === 0 ? [] : [{ path: initramfsName, size: initramfsSize(parts) }]),
      ];
      const [largest] = all.sort((a, b) => b.size - a.size);
      if (largest === undefined) continue;
      found.push({ kind: 'server.file', at, by, image: image.ref, path: largest.path, bytes: largest.size });
    }
    return found;
  };

  return {
    report: async (who) => {
      const refused = refuseBelow(who, 'reader');
      if (refused !== undefined) return refused;
      const startedAt = time(clock.now());
      const observations = [...ofItself(startedAt), ...(await largestFiles(who, startedAt))];
      const findings = deps.diagnose(observations);
      return success({
        startedAt,
        endedAt: time(clock.now()),
        host: deps.host,
        server: null,
        healthy: findings.length === 0,
        findings,
        checks: checksOf(bootPlane),
        observations,
      });
    },
  };
};

const checksOf = ({ network }: BootPlaneView): Check[] => {
  const done = (name: string, title: string): Check => ({ name, title, outcome: 'done', reason: null });
  const heard = (name: string, title: string): Check =>
    network === undefined
      ? { name, title, outcome: 'skipped', reason: 'the boot plane has not told anything yet' }
      : done(name, title);
  return [
    done('server.boot-plane', 'The boot plane runs'),
    heard('server.interfaces', 'Interfaces that boards are served on'),
    heard('server.rivals', 'Other servers with boot options, overheard in the last ten minutes'),
    done('server.conflicts', 'Boards with the same identity, in the last ten minutes'),
    done('server.files', 'Boot files that are too big for some firmware'),
  ];
};
