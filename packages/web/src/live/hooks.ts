import type { Device, Progress } from '@drover/contract';
import { useSyncExternalStore } from 'react';
import type { FleetSnapshot } from './device-store.js';
import { deviceStore, live, type Connection } from './live.js';

export const useFleet = (): FleetSnapshot => useSyncExternalStore(deviceStore.subscribe, deviceStore.snapshot);

/** The board of that id, name, serial, MAC or prefix, where it is known. */
export const useKnownDevice = (ref: string): Device | undefined => {
  const { byId, devices } = useFleet();
  return byId.get(ref) ?? devices.find(({ name, serial, mac }) => name === ref || serial === ref || mac === ref);
};

export const useConnection = (): Connection => useSyncExternalStore(live.subscribe, live.connection);

/** How far a job is, as it last said; undefined where it said nothing yet. */
export const useJobProgress = (job: string | null): Progress | undefined =>
  useSyncExternalStore(live.subscribe, live.progress).get(job ?? '');
