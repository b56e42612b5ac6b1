import type { Device } from '@drover/contract';

/** All boards this key sees, as they were last heard of. A new value for each change, so that React can compare. */
export interface FleetSnapshot {
  readonly devices: readonly Device[];
  readonly byId: ReadonlyMap<string, Device>;
  /** Whether they were ever read whole. */
  readonly isLoaded: boolean;
  readonly error: unknown;
}

export interface DeviceSource {
  /** Every board. */
  all(signal: AbortSignal): Promise<readonly Device[]>;
  /** One board; undefined: it is gone, or not for this key. */
  one(id: string, signal: AbortSignal): Promise<Device | undefined>;
}

export interface DeviceStore {
  readonly subscribe: (listener: () => void) => () => void;
  readonly snapshot: () => FleetSnapshot;
  /** Something happened to these: they are read anew, all at once when they are many. */
  touch(ids: Iterable<string>): void;
  /** What an answer of the API said. */
  put(device: Device): void;
  reload(): void;
  /** Forgets everything and stops reading. */
  clear(): void;
}

export interface StoreTiming {
  /** Calls back at the next frame. */
  readonly frame: (run: () => void) => void;
  readonly later: (run: () => void, ms: number) => void;
  readonly now: () => number;
}

/** Boards read one by one; more are read as a whole. */
const mostSingle = 20;
/** Ms that changes are gathered for, and the least between two readings of everything. */
const gatherMs = 150;
const wholeEveryMs = 3000;

const empty: FleetSnapshot = { devices: [], byId: new Map(), isLoaded: false, error: undefined };

export const createDeviceStore = (source: DeviceSource, timing: StoreTiming): DeviceStore => {
  const listeners = new Set<() => void>();
  let current = empty;
  let next: Map<string, Device> | undefined;
  let dirty = new Set<string>();
  let isGathering = false;
  let isReading = false;
  let wantsWhole = false;
  let wholeAt = Number.NEGATIVE_INFINITY;
  let life = new AbortController();

  const publish = (change: Partial<FleetSnapshot>): void => {
    current = { ...current, ...change };
    for (const listener of listeners) listener();
  };
  /** Many changes between two frames are one rendering. */
  const change = (apply: (devices: Map<string, Device>) => void): void => {
    const isFirst = next === undefined;
    next ??= new Map(current.byId);
    apply(next);
    if (!isFirst) return;
    timing.frame(() => {
      const byId = next;
      next = undefined;
      if (byId !== undefined) publish({ byId, devices: [...byId.values()] });
    });
  };

  const readWhole = async (signal: AbortSignal): Promise<void> => {
    wantsWhole = false;
    wholeAt = timing.now();
    dirty = new Set();
    const devices = await source.all(signal);
    if (signal.aborted) return;
    next = undefined;
    publish({ devices, byId: new Map(devices.map((device) => [device.id, device])), isLoaded: true, error: undefined });
  };
  const readSingle = async (signal: AbortSignal): Promise<void> => {
    const ids = [...dirty];
    dirty = new Set();
    const found = await Promise.all(ids.map(async (id) => [id, await source.one(id, signal)] as const));
    if (signal.aborted) return;
    change((devices) => {
      for (const [id, device] of found) {
        if (device === undefined) devices.delete(id);
        else devices.set(id, device);
      }
    });
  };
  const read = async (): Promise<void> => {
    const { signal } = life;
    isReading = true;
    try {
      if (wantsWhole) await readWhole(signal);
      else await readSingle(signal);
    } catch (error) {
      if (!signal.aborted) publish({ error });
    } finally {
      if (!signal.aborted) {
        isReading = false;
        if (wantsWhole || dirty.size > 0) gather();
      }
    }
  };
  function gather(): void {
    if (isGathering || isReading) return;
    isGathering = true;
    const { signal } = life;
    if (dirty.size > mostSingle) wantsWhole = true;
    const pause = wantsWhole ? Math.max(gatherMs, wholeAt + wholeEveryMs - timing.now()) : gatherMs;
    timing.later(
      () => {
        if (signal.aborted) return;
        isGathering = false;
        if (dirty.size > mostSingle) wantsWhole = true;
        void read();
      },
      current.isLoaded ? pause : 0,
    );
  }

  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    snapshot: () => current,
    touch: (ids) => {
      for (const id of ids) dirty.add(id);
      if (dirty.size > 0) gather();
    },
    put: (device) => {
      change((devices) => devices.set(device.id, device));
    },
    reload: () => {
      wantsWhole = true;
      gather();
    },
    clear: () => {
      life.abort();
      life = new AbortController();
      [next, dirty, isGathering, isReading, wantsWhole] = [undefined, new Set(), false, false, false];
      publish(empty);
    },
  };
};
