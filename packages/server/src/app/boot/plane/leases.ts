import type { Log, Service } from '../../ports.js';
import type { BootBackend, StoredLease } from '../ports.js';
import type { LeaseBook } from './ports.js';

interface LeaseBookDeps {
  readonly backend: Pick<BootBackend, 'leases' | 'saveLease'>;
  readonly log: Log;
  /** Leases as they were before the last restart, for when the control plane is away. */
  readonly remembered: () => readonly StoredLease[];
  readonly changed: () => void;
  readonly retryMs?: number;
}

export interface PlaneLeases extends LeaseBook, Service {
  all(): readonly StoredLease[];
}

const keyOf = ({ site, clientId }: StoredLease): string => `${site} ${clientId}`;

/** Leases of full mode: kept here at once, told to the control plane as soon as it is there, the latest of each client only. */
export function createLeaseBook({ backend, log, remembered, changed, retryMs = 1_000 }: LeaseBookDeps): PlaneLeases {
  const leases = new Map<string, StoredLease>();
  const untold = new Map<string, StoredLease>();
  let telling: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const tell = async (): Promise<void> => {
    for (const [key, lease] of untold) {
      await backend.saveLease(lease);
      if (untold.get(key) === lease) untold.delete(key);
    }
  };
  const tellAll = (): Promise<void> => {
    telling ??= tell()
      .catch((error: unknown) => log.debug({ err: error }, 'leases wait for the control plane'))
      .finally(() => {
        telling = undefined;
        if (untold.size === 0 || stopped) return;
        timer = setTimeout(() => void tellAll(), retryMs);
      });
    return telling;
  };

  return {
    load: async (site) => {
      const stored = await backend.leases(site).catch((error: unknown) => {
        log.warn({ err: error }, 'the control plane is away: leases are those remembered here');
        return [] as readonly StoredLease[];
      });
      // What was remembered here may be newer than what was told.
      for (const lease of [...stored, ...remembered().filter((each) => each.site === site)]) {
        const known = leases.get(keyOf(lease));
        if (known === undefined || known.expiresAt <= lease.expiresAt) leases.set(keyOf(lease), lease);
      }
      return [...leases.values()].filter((lease) => lease.site === site);
    },
    save: (lease) => {
      leases.set(keyOf(lease), lease);
      untold.set(keyOf(lease), lease);
      changed();
      void tellAll();
    },
    all: () => [...leases.values()],
    start: async () => undefined,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await tellAll();
    },
  };
}
