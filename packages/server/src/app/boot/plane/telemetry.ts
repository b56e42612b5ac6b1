import type { BootBackend, Telemetry, TelemetryReply } from '../ports.js';
import type { Log, Service } from '../../ports.js';

export interface TelemetryQueue extends Service {
  /** Takes an item; never waits, never throws. */
  push(item: Telemetry): void;
  /** Sends what is waiting now; resolves when it was taken or could not be. */
  flush(): Promise<void>;
  stats(): { readonly waiting: number; readonly dropped: number; readonly sent: number };
}

interface TelemetryDeps {
  readonly backend: Pick<BootBackend, 'telemetry'>;
  readonly log: Log;
  /** A fresh batch id, unique over restarts. */
  readonly batchId: () => string;
  /** True for an error that repeating will not mend: the batch is thrown away. */
  readonly isHopeless: (error: unknown) => boolean;
  readonly onReply: (reply: TelemetryReply) => void;
  readonly limits?: Partial<typeof defaults>;
}

const defaults = {
  /** Longest an item waits for others, ms. */
  lingerMs: 200,
  /** The same for signs of life, of which all boards that are up send one a minute: a batch is a transaction. */
  patientMs: 2_000,
  /** Items in one batch. */
  batch: 500,
  /** Items that wait at most; beyond it news of files and reports is dropped, the opening of sessions is not. */
  waiting: 100_000,
  retryMs: 250,
  retryMaxMs: 5_000,
};

/**
 * Tells the control plane what boards do, in batches and in order. While it is away items wait, in memory and bounded; a batch keeps its id until it was
 * taken, so that one whose answer was lost is not counted twice.
 */
export function createTelemetryQueue(deps: TelemetryDeps): TelemetryQueue {
  const limits = { ...defaults, ...deps.limits };
  let waiting: Telemetry[] = [];
  /** The last heartbeat and sign of life of each session: while the control plane is away they are no more than there are boards. */
  const latest = new Map<string, Telemetry>();
  let inFlight: { id: string; items: Telemetry[] } | undefined;
  let sending: Promise<boolean> | undefined;
  let timer: NodeJS.Timeout | undefined;
  /** The timer may be replaced by an earlier one. */
  let isPatient = false;
  let backoff = limits.retryMs;
  let dropped = 0;
  let sent = 0;
  let stopped = false;

  const schedule = (ms: number, patient = false): void => {
    if (stopped || (timer !== undefined && (patient || !isPatient))) return;
    clearTimeout(timer);
    isPatient = patient;
    timer = setTimeout(() => {
      timer = undefined;
      void send();
    }, ms);
  };

  const next = (): Telemetry[] => {
    const items = waiting.splice(0, limits.batch);
    for (const [key, item] of latest) {
      if (items.length >= limits.batch) break;
      items.push(item);
      latest.delete(key);
    }
    return items;
  };

  const left = (): number => waiting.length + latest.size;

  /** One batch. True when it is off our hands. */
  const sendOne = async (): Promise<boolean> => {
    inFlight ??= { id: deps.batchId(), items: next() };
    const batch = inFlight;
    try {
      deps.onReply(await deps.backend.telemetry(batch.id, batch.items));
      sent += batch.items.length;
    } catch (error) {
      if (!deps.isHopeless(error)) return false;
      dropped += batch.items.length;
      deps.log.error({ err: error, items: batch.items.length }, 'boot telemetry was refused and is thrown away');
    }
    inFlight = undefined;
    return true;
  };

  const drain = async (): Promise<boolean> => {
    while (inFlight !== undefined || left() > 0) if (!(await sendOne())) return false;
    return true;
  };

  const send = (): Promise<boolean> => {
    sending ??= drain().then((done) => {
      sending = undefined;
      backoff = done ? limits.retryMs : Math.min(limits.retryMaxMs, backoff * 2);
      if (!done) schedule(backoff);
      else if (left() > 0) schedule(limits.lingerMs);
      return done;
    });
    return sending;
  };

  return {
    push: (item) => {
      if (left() >= limits.waiting && item.kind !== 'opened') {
        dropped += 1;
        return;
      }
      if (item.kind === 'beat' || item.kind === 'heard') latest.set(`${item.kind} ${item.session}`, item);
      else waiting.push(item);
      if (left() >= limits.batch && inFlight === undefined) void send();
      else if (item.kind === 'heard') schedule(limits.patientMs, true);
      else schedule(limits.lingerMs);
    },
    flush: async () => {
      await send();
    },
    stats: () => ({ waiting: left() + (inFlight?.items.length ?? 0), dropped, sent }),
    start: async () => undefined,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      timer = undefined;
      await send();
      const lost = left() + (inFlight?.items.length ?? 0);
      if (lost > 0) deps.log.warn({ items: lost }, 'boot telemetry is lost: the control plane is away');
      waiting = [];
      latest.clear();
    },
  };
}
