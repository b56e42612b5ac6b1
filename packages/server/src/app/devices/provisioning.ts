import {
  AssignmentTarget,
  refusal,
  success,
  type Device,
  type LeaseChange,
  type Principal,
  type Provision,
  type Reimage,
  type Result,
} from '@drover/contract';
import { refuseDevice } from '../../domain/provisioning.js';
import { refuseBelow } from '../../domain/tenancy.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import { assign, type AssignDeps } from './assign.js';
import { changeDevice } from './change.js';
import { readFirstBoot, type FirstBootReader } from './first-boot.js';
import { beginRelease, type ReleaseDeps, type ReleaseOrder } from './release.js';
import { findFor, findRunnable, pick, refuseSelector, runnable, tenantOf } from './pick.js';
import type { DeviceRecord } from './ports.js';
import { presentDevice } from './present.js';
import { serveQueue } from './queue.js';

export interface ProvisioningDeps extends AssignDeps, Omit<ReleaseDeps, 'prepare'> {
  readonly store: Store;
  readonly firstBoot: FirstBootReader;
  readonly defaultTenant: string;
}

export interface Provisioning {
  /** Gives one available device an image. Two callers never get the same device, and nobody who waits is passed by. */
  readonly provision: (who: Principal, wanted: Provision, also?: Also<Device>) => Promise<Result<Device>>;
  /** Another image for a device that has one, at its next boot. */
  readonly reimage: (
    who: Principal,
    ref: string,
    wanted: Reimage,
    etag?: string,
    also?: Also<Device>,
  ) => Promise<Result<Device>>;
  /** How much longer a device is kept, from now on. */
  readonly lease: (who: Principal, ref: string, wanted: LeaseChange, etag?: string) => Promise<Result<Device>>;
  /** Ends the assignment, and switches the board off where something can. What makes the board itself (machine-id, host keys) stays with it. */
  readonly release: (
    who: Principal,
    ref: string,
    how?: Partial<Omit<ReleaseOrder, 'by'>>,
    etag?: string,
    also?: Also<Device>,
  ) => Promise<Result<Device>>;
  /** Releases devices whose lease is over; returns how many. */
  readonly releaseExpired: () => Promise<number>;
}

export const createProvisioning = (deps: ProvisioningDeps): Provisioning => ({
  provision: async (who, wanted, also) => {
    const refused = refuseBelow(who, 'operator') ?? refuseSelector(wanted);
    if (refused !== undefined) return refused;
    const firstBoot = await readFirstBoot(deps.firstBoot, wanted);
    if (!firstBoot.ok) return firstBoot;
    return change(deps, who, also, async (tx) => {
      const image = await findRunnable(tx, who, wanted);
      if (!image.ok) return image;
      const tenant = tenantOf(who, image.value, deps.defaultTenant);
      await serveQueue(deps, tx, tenant);
      const device = await pick(tx, who, image.value, wanted, tenant);
      if (!device.ok) return device;
      const leaseUntil = leaseEnd(deps, wanted.ttlSeconds ?? null);
      const assigning = { by: who.key, image: image.value, wanted, leaseUntil, firstBoot: firstBoot.value };
      return success(await assign(deps, tx, device.value, assigning));
    });
  },
  reimage: async (who, ref, wanted, etag, also) => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    const firstBoot = await readFirstBoot(deps.firstBoot, wanted);
    if (!firstBoot.ok) return firstBoot;
    return change(deps, who, also, async (tx) => {
      const device = await findFor(tx, who, ref, 'reimage', etag);
      if (!device.ok) return device;
      const target = targetOf(wanted, device.value);
      if (!target.ok) return target;
      const image = await findRunnable(tx, who, target.value);
      if (!image.ok) return image;
      const unfit = refuseDevice(runnable(image.value), device.value);
      if (unfit !== undefined) return unfit;
      const leaseUntil = device.value.assignment?.leaseUntil ?? null;
      const assigning = {
        by: who.key,
        image: image.value,
        wanted: target.value,
        leaseUntil,
        firstBoot: firstBoot.value,
      };
      return success(await assign(deps, tx, device.value, assigning));
    });
  },
  lease: async (who, ref, { ttlSeconds }, etag) =>
    change(deps, who, undefined, async (tx) => {
      const device = await findFor(tx, who, ref, 'lease', etag);
      if (!device.ok) return device;
      const { assignment } = device.value;
      if (assignment === null) throw new Error(`${device.value.id} is ${device.value.state} and has no assignment`);
      const leaseUntil = leaseEnd(deps, ttlSeconds);
      const data = { leaseUntil, by: who.key };
      const event = { type: 'device.lease-changed', at: moment(deps), data } as const;
      return success(await changeDevice(tx, device.value, { assignment: { ...assignment, leaseUntil } }, event));
    }),
  release: async (who, ref, { disk = 'wipe', force = false } = {}, etag, also) =>
    change(deps, who, also, async (tx) => {
      const device = await findFor(tx, who, ref, 'release', etag);
      return device.ok ? success(await release(deps, tx, device.value, { disk, force, by: who.key })) : device;
    }),
  releaseExpired: async () => {
    const due = await deps.store.read((tx) => tx.devices.leaseEnded(moment(deps), 1));
    if (due.length === 0) return 0;
    return deps.store.transaction(async (tx) => {
      const expired = await tx.devices.leaseEnded(moment(deps), atOnce);
      for (const device of expired) await release(deps, tx, device, { disk: 'wipe', force: false, by: null });
      return expired.length;
    });
  },
});

/** Released in one transaction. */
const atOnce = 100;

const moment = ({ clock }: ProvisioningDeps): string => new Date(clock.now()).toISOString();

const leaseEnd = ({ clock }: ProvisioningDeps, ttlSeconds: number | null): string | null =>
  ttlSeconds === null ? null : new Date(clock.now() + ttlSeconds * 1000).toISOString();

/** One change of one device in one transaction, for operators. */
async function change(
  deps: ProvisioningDeps,
  who: Principal,
  also: Also<Device> | undefined,
  work: (tx: Transaction) => Promise<Result<DeviceRecord>>,
): Promise<Result<Device>> {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  return deps.store.transaction(async (tx) => {
    const result = await work(tx);
    if (!result.ok) return result;
    const shown = presentDevice(result.value, moment(deps));
    await also?.(tx, shown);
    return success(shown);
  });
}

async function release(
  deps: ProvisioningDeps,
  tx: Transaction,
  device: DeviceRecord,
  order: ReleaseOrder,
): Promise<DeviceRecord> {
  if (order.by === null) {
    const data = { name: device.name, image: device.assignment?.imageName, leaseUntil: device.assignment?.leaseUntil };
    const event = {
      type: 'device.lease-expired',
      at: moment(deps),
      tenant: device.tenant,
      subject: device.id,
      data,
    } as const;
    await tx.events.append(event);
  }
  return beginRelease(deps, tx, device, order);
}

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
