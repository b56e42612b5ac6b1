import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import { changeDevice } from './change.js';
import type { DeviceRecord, Prepare } from './ports.js';

export interface ReleaseDeps {
  readonly clock: Clock;
  readonly prepare: Pick<Prepare, 'end'>;
  readonly enqueue: EnqueueJob;
  /** Whether a device takes work to release: it is switched off, or something outside is asked. */
  readonly takesWork: (device: DeviceRecord) => boolean;
}

/** How a device is released, and why. */
export interface ReleaseOrder {
  readonly disk: 'wipe' | 'keep';
  readonly force: boolean;
  /** Id of the key; null: its lease was over. */
  readonly by: string | null;
}

/**
 * Ends the assignment in the caller's transaction: from now on the device boots nothing. One that takes work is `releasing` until a job has done it; any other is
 * available at once.
 */
export async function beginRelease(
  deps: ReleaseDeps,
  tx: Transaction,
  device: DeviceRecord,
  order: ReleaseOrder,
): Promise<DeviceRecord> {
  const at = new Date(deps.clock.now()).toISOString();
  const image = device.assignment?.imageName ?? null;
  const ended = { assignment: null, upGeneration: null, stateReason: null };
  if (!deps.takesWork(device)) return finishRelease(deps, tx, { ...device, ...ended }, { ...order, image });
  const input = { device: device.id, image, ...order };
  const job = await deps.enqueue(tx, { kind: 'device.release', tenant: device.tenant, subject: device.id, input });
  const change = { ...ended, state: 'releasing' as const, stateReason: `it is being released (${job})` };
  return changeDevice(tx, device, change, { type: 'device.releasing', at, data: { image, job, by: order.by } });
}

/** What was made for the device alone goes, and it is available. */
export async function finishRelease(
  { clock, prepare }: Pick<ReleaseDeps, 'clock' | 'prepare'>,
  tx: Transaction,
  device: DeviceRecord,
  { disk, by, image }: Omit<ReleaseOrder, 'force'> & { readonly image: string | null },
): Promise<DeviceRecord> {
  await prepare.end(tx, device.id, disk);
  await tx.deviceFiles.clear(device.id);
  await tx.firstBoots.delete(device.id);
  const at = new Date(clock.now()).toISOString();
  const freed = { state: 'available' as const, stateReason: null, assignment: null, upGeneration: null };
  const data = { image, by, ...(disk === 'keep' ? { disk } : {}), ...(by === null ? { because: 'lease' } : {}) };
  return changeDevice(tx, device, freed, { type: 'device.released', at, data });
}
