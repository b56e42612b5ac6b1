import type { Log, Service } from '../../ports.js';
import type { DirectoryPool, ExportMemory, NfsExport, NfsServer, RememberedExport } from '../ports.js';

/** Directories of a board, as a boot may have them. */
export interface NfsUse {
  readonly disk: string;
  readonly readOnly: boolean;
}

/** Which boards may mount which directories, at which address. */
export interface NfsExports extends Service {
  /** A board proved itself from this address: these directories are its, and no others. Rejects when the server does not export them. */
  allow(
    boot: { readonly device: string; readonly session: string },
    address: string,
    uses: readonly NfsUse[],
  ): Promise<void>;
  /** A board's system asked for an address, by broadcast: what it has follows it there, unless it is still at the one it had. */
  heard(device: string, address: string): void;
  /** That boot is over. */
  endSession(session: string): void;
  /** Nobody may mount it any more. `device`: but for others than this one. */
  withdraw(disk: string, device?: string): Promise<void>;
  /** Whether a device may mount it now. */
  isOpen(disk: string, device: string): boolean;
}

export interface NfsExportsDeps {
  readonly server: NfsServer;
  readonly pool: Pick<DirectoryPool, 'place'>;
  readonly memory: ExportMemory;
  /** Whether a machine has that address now. */
  readonly isAnswering: (address: string) => Promise<boolean>;
  /** Resolves after so many ms, or when the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Of a boot: its directories have followed it, or did not because it is at another address still. */
  readonly moved: (session: string, from: string, to: string) => void;
  readonly impostor: (session: string, from: string, to: string) => void;
  readonly log: Log;
}

/** Before each look at an address that a board may have left, and looks at most. */
const settleMs = 3_000;
const looks = 3;

export function createNfsExports(deps: NfsExportsDeps): NfsExports {
  const { server, pool, memory, log } = deps;
  /** By directory and device. */
  let given = new Map<string, RememberedExport>();
  const keyOf = ({ disk, device }: Pick<RememberedExport, 'disk' | 'device'>): string => `${disk} ${device}`;
  const stopping = new AbortController();
  /** Devices whose last address is being looked at. */
  const asking = new Set<string>();
  let applying: Promise<void> = Promise.resolve();
  let isWaiting = false;

  const wanted = (): NfsExport[] =>
    [...given.values()].flatMap(({ disk, address, readOnly }) => {
      const place = pool.place(disk);
      return place === undefined ? [] : [{ disk, address, readOnly, ...place }];
    });

  /** One change at a time; what comes meanwhile goes into the next. */
  const apply = (): Promise<void> => {
    if (isWaiting) return applying;
    isWaiting = true;
    applying = applying
      .catch(() => undefined)
      .then(async () => {
        isWaiting = false;
        await memory.save([...given.values()]);
        await server.apply(wanted());
      });
    return applying;
  };
  const applySoon = (): void => {
    apply().catch((error: unknown) => log.error({ err: error }, 'what boards may mount could not be changed'));
  };

  /** A board has its old address until it is given the new one, and a little longer. */
  const hasStayed = async ({ address }: RememberedExport): Promise<boolean> => {
    for (let look = 0; look < looks; look++) {
      await deps.pause(settleMs, stopping.signal);
      if (stopping.signal.aborted || !(await deps.isAnswering(address))) return false;
    }
    return true;
  };

  const follow = async (device: string, address: string): Promise<void> => {
    const had = [...given.values()].filter((each) => each.device === device && each.address !== address);
    const [first] = had;
    if (first === undefined) return;
    if (await hasStayed(first)) return deps.impostor(first.session, first.address, address);
    for (const each of had) {
      // It may have ended meanwhile, or this server does now.
      if (stopping.signal.aborted) return;
      if (given.get(keyOf(each)) === each) given.set(keyOf(each), { ...each, address });
    }
    await apply();
    deps.moved(first.session, first.address, address);
  };

  return {
    allow: async ({ device, session }, address, uses) => {
      for (const [key, each] of given) if (each.device === device) given.delete(key);
      for (const use of uses) given.set(keyOf({ ...use, device }), { ...use, device, session, address });
      await apply();
    },
    heard: (device, address) => {
      if (asking.has(device)) return;
      asking.add(device);
      follow(device, address)
        .catch((error: unknown) => log.error({ err: error, device }, 'what a board may mount could not follow it'))
        .finally(() => asking.delete(device));
    },
    endSession: (session) => {
      const ended = [...given].filter(([, each]) => each.session === session);
      for (const [key] of ended) given.delete(key);
      if (ended.length > 0) applySoon();
    },
    withdraw: async (disk, device) => {
      const ended = [...given].filter(([, each]) => each.disk === disk && (device ?? each.device) === each.device);
      for (const [key] of ended) given.delete(key);
      if (ended.length > 0) await apply();
    },
    isOpen: (disk, device) => given.has(keyOf({ disk, device })),
    start: async (signal) => {
      given = new Map((await memory.load()).map((each) => [keyOf(each), each]));
      await server.start(signal);
      await apply();
    },
    stop: async () => {
      stopping.abort();
      await applying.catch(() => undefined);
      await server.stop();
    },
  };
}
