import {
  AssignmentTarget,
  parseSelector,
  refusal,
  success,
  type Assignment,
  type Device,
  type Principal,
  type Provision,
  type Reimage,
  type Result,
} from '@drover/contract';
import { allowAction } from '../../domain/device.js';
import { fittingModels, nonePicked, refuseDevice, refuseImage, type Runnable } from '../../domain/provisioning.js';
import { refuseBelow } from '../../domain/tenancy.js';
import type { ImageRecord } from '../images/ports.js';
import { findImage } from '../images/refs.js';
import type { Clock } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import { announce, changeDevice } from './change.js';
import { badSelector } from './devices.js';
import { findDevice } from './find.js';
import type { DeviceRecord, Prepare } from './ports.js';
import { presentDevice, refuseChanged } from './present.js';

export interface ProvisioningDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly prepare: Prepare;
  readonly defaultTenant: string;
}

export interface Provisioning {
  /** Gives one available device an image. Two callers never get the same device. */
  readonly provision: (who: Principal, wanted: Provision, also?: Also<Device>) => Promise<Result<Device>>;
  /** Another image for a device that has one, at its next boot. */
  readonly reimage: (
    who: Principal,
    ref: string,
    wanted: Reimage,
    etag?: string,
    also?: Also<Device>,
  ) => Promise<Result<Device>>;
  /** Ends the assignment. What makes the board itself (machine-id, host keys) stays with it. */
  readonly release: (who: Principal, ref: string, etag?: string, also?: Also<Device>) => Promise<Result<Device>>;
}

export const createProvisioning = (deps: ProvisioningDeps): Provisioning => ({
  provision: async (who, wanted, also) => {
    const labels = wanted.selector === undefined ? undefined : parseSelector(wanted.selector);
    if (wanted.selector !== undefined && labels === undefined) return badSelector(wanted.selector);
    return change(deps, who, also, async (tx) => {
      const image = await findRunnable(tx, who, wanted);
      if (!image.ok) return image;
      const device = await pick(deps, tx, who, image.value, wanted, labels);
      return device.ok ? success(await assign(deps, tx, who, device.value, image.value, wanted)) : device;
    });
  },
  reimage: async (who, ref, wanted, etag, also) =>
    change(deps, who, also, async (tx) => {
      const device = await findFor(tx, who, ref, 'reimage', etag);
      if (!device.ok) return device;
      const target = targetOf(wanted, device.value);
      if (!target.ok) return target;
      const image = await findRunnable(tx, who, target.value);
      if (!image.ok) return image;
      const unfit = refuseDevice(runnable(image.value), device.value);
      return unfit ?? success(await assign(deps, tx, who, device.value, image.value, target.value));
    }),
  release: async (who, ref, etag, also) =>
    change(deps, who, also, async (tx) => {
      const device = await findFor(tx, who, ref, 'release', etag);
      if (!device.ok) return device;
      await deps.prepare.end(tx, device.value.id);
      const freed = { state: 'available' as const, stateReason: null, assignment: null, upGeneration: null };
      const data = { image: device.value.assignment?.imageName ?? null, by: who.key };
      return success(await changeDevice(tx, device.value, freed, { type: 'device.released', at: moment(deps), data }));
    }),
});

const moment = ({ clock }: ProvisioningDeps): string => new Date(clock.now()).toISOString();

/** One change of one device in one transaction, for operators. */
const change = async (
  deps: ProvisioningDeps,
  who: Principal,
  also: Also<Device> | undefined,
  work: (tx: Transaction) => Promise<Result<DeviceRecord>>,
): Promise<Result<Device>> => {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  return deps.store.transaction(async (tx) => {
    const result = await work(tx);
    if (!result.ok) return result;
    const shown = presentDevice(result.value, new Date(deps.clock.now()).toISOString());
    await also?.(tx, shown);
    return success(shown);
  });
};

const runnable = (image: ImageRecord): Runnable => ({
  ref: `${image.name}:${image.version}`,
  tenant: image.tenant,
  state: image.state,
  stateReason: image.stateReason,
  facts: image.facts,
});

/** What another image means for this device: it keeps its root mode unless another is named. */
const targetOf = (wanted: Reimage, { assignment }: DeviceRecord): Result<AssignmentTarget> => {
  const rootMode = wanted.rootMode ?? assignment?.rootMode ?? 'ram';
  const target = AssignmentTarget.safeParse({ ...wanted, rootMode });
  if (target.success) return success(target.data);
  const errors = target.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
  const said = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return refusal('request.invalid', `The device has root mode ${rootMode}: ${said}.`, {
    remedy: 'Leave it out, or name another root mode.',
    errors,
  });
};

const findRunnable = async (
  tx: Transaction,
  who: Principal,
  wanted: AssignmentTarget,
): Promise<Result<ImageRecord>> => {
  const image = await findImage(tx, who.tenant, wanted.image);
  if (!image.ok) return image;
  return refuseImage(runnable(image.value), wanted.rootMode) ?? image;
};

const findFor = async (
  tx: Transaction,
  who: Principal,
  ref: string,
  action: 'provision' | 'reimage' | 'release',
  etag: string | undefined,
): Promise<Result<DeviceRecord>> => {
  const found = await findDevice(tx, who, ref);
  if (!found.ok) return found;
  const allowed = refuseChanged(found.value, etag) ?? allowAction(action, found.value);
  return allowed.ok ? found : allowed;
};

/** The device to provision, locked for the rest of the transaction. */
const pick = async (
  deps: ProvisioningDeps,
  tx: Transaction,
  who: Principal,
  image: ImageRecord,
  wanted: Provision,
  labels: Record<string, string> | undefined,
): Promise<Result<DeviceRecord>> => {
  if (wanted.device !== undefined) {
    const named = await findFor(tx, who, wanted.device, 'provision', undefined);
    if (!named.ok) return named;
    const unfit = refuseDevice(runnable(image), named.value);
    if (unfit !== undefined) return unfit;
    const locked = await tx.devices.claimAvailable({ tenant: named.value.tenant, device: named.value.id });
    return locked === undefined ? takenMeanwhile(named.value) : success(locked);
  }
  const tenant = who.tenant ?? image.tenant ?? deps.defaultTenant;
  const models = image.facts === null ? [] : fittingModels(image.facts);
  const filter = { tenant, ...(labels === undefined ? {} : { labels }) };
  const claimed = await tx.devices.claimAvailable({ ...filter, models });
  if (claimed !== undefined) return success(claimed);
  const free = await tx.devices.list({ ...filter, state: 'available' }, { limit: 5 });
  const inUse = await tx.devices.list({ ...filter, state: 'in-use' }, { limit: 1 });
  const wish = wanted.selector === undefined ? 'of this tenant' : `with ${wanted.selector}`;
  return nonePicked(runnable(image), wish, free.items, inUse.items.length > 0);
};

/** It was available a moment ago, and somebody else has it now. */
const takenMeanwhile = (device: DeviceRecord) =>
  refusal('device.state', `${device.name} was provisioned by somebody else a moment ago`, {
    remedy: `Choose another device, or free it with \`drover release ${device.name}\`.`,
    conflicts: [device.name],
  });

/** Sets what the device shall run. It is in use at once when everything the boot needs is there. */
const assign = async (
  deps: ProvisioningDeps,
  tx: Transaction,
  who: Principal,
  device: DeviceRecord,
  image: ImageRecord,
  wanted: AssignmentTarget,
): Promise<DeviceRecord> => {
  const at = moment(deps);
  const generation = device.generation + 1;
  const imageName = runnable(image).ref;
  const { job: waiting, what, disk } = await deps.prepare.ensure(tx, device, image, wanted);
  const assignment: Assignment = {
    image: image.id,
    imageName,
    rootMode: wanted.rootMode,
    disk,
    kernelParameters: wanted.kernelParameters,
    generation,
    assignedAt: at,
  };
  const assigned = await changeDevice(
    tx,
    device,
    {
      assignment,
      generation,
      state: waiting === null ? 'in-use' : 'preparing',
      stateReason: waiting === null ? null : `${what} is being made (${waiting})`,
    },
    {
      type: 'device.provisioned',
      at,
      data: { image: image.id, imageName, rootMode: wanted.rootMode, generation, job: waiting, by: who.key },
    },
  );
  if (waiting === null) await announce(tx, assigned, { type: 'device.ready', at, data: { imageName, generation } });
  return assigned;
};
