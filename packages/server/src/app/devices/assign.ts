import type { Assignment, AssignmentTarget } from '@drover/contract';
import type { ImageRecord } from '../images/ports.js';
import type { Clock } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import { changeDevice } from './change.js';
import { keepFirstBoot, type ReadFirstBoot } from './first-boot.js';
import { markInUse, type ReadyDeps } from './ready.js';
import type { DeviceRecord, Prepare } from './ports.js';

export interface AssignDeps extends ReadyDeps {
  readonly clock: Clock;
  readonly prepare: Prepare;
}

export interface Assigning {
  /** Id of the key that asked. */
  readonly by: string;
  readonly image: ImageRecord;
  readonly wanted: Omit<AssignmentTarget, 'firstBoot'>;
  readonly leaseUntil: string | null;
  /** In place of what the device has; undefined: it keeps that. */
  readonly firstBoot?: ReadFirstBoot | undefined;
}

/** Sets what the device shall run. It is in use at once when everything the boot needs is there. */
export async function assign(
  deps: AssignDeps,
  tx: Transaction,
  device: DeviceRecord,
  { by, image, wanted, leaseUntil, firstBoot }: Assigning,
): Promise<DeviceRecord> {
  const { clock, prepare } = deps;
  const at = new Date(clock.now()).toISOString();
  const generation = device.generation + 1;
  const imageName = `${image.name}:${image.version}`;
  const { job: waiting, what, disk } = await prepare.ensure(tx, device, image, wanted);
  const { rootMode, kernelParameters } = wanted;
  const assignment: Assignment = {
    ...{ image: image.id, imageName, rootMode, disk, kernelParameters },
    ...{ generation, assignedAt: at, leaseUntil },
  };
  const assigned = await changeDevice(
    tx,
    device,
    {
      assignment,
      generation,
      state: 'preparing',
      stateReason: waiting === null ? null : `${what} is being made (${waiting})`,
    },
    {
      type: 'device.provisioned',
      at,
      data: { image: image.id, imageName, rootMode, generation, job: waiting, leaseUntil, by },
    },
  );
  if (firstBoot !== undefined) await keepFirstBoot(tx, clock, assigned, { read: firstBoot, by });
  return waiting === null ? markInUse(deps, tx, assigned) : assigned;
}
