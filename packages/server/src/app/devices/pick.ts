import {
  parseSelector,
  refusal,
  success,
  type AssignmentTarget,
  type Principal,
  type Provision,
  type Result,
} from '@drover/contract';
import { allowAction, type DeviceAction } from '../../domain/device.js';
import { fittingModels, nonePicked, refuseDevice, refuseImage, type Runnable } from '../../domain/provisioning.js';
import type { ImageRecord } from '../images/ports.js';
import { findImage } from '../images/refs.js';
import type { Transaction } from '../store/ports.js';
import { badSelector } from './devices.js';
import { findDevice } from './find.js';
import type { DeviceRecord, FreeFilter } from './ports.js';
import { refuseChanged } from './present.js';

/** Whom a choice is made for: the tenant of a key, null for one of the installation. */
export type Chooser = Pick<Principal, 'tenant' | 'role' | 'key' | 'name'>;

/** Which device is wanted. */
type Wish = Pick<Provision, 'device' | 'selector' | 'any' | 'model' | 'site' | 'memoryMiB' | 'spread'>;

/** What of a record says whether it can run. */
export const runnable = (image: ImageRecord): Runnable => ({
  ref: `${image.name}:${image.version}`,
  tenant: image.tenant,
  state: image.state,
  stateReason: image.stateReason,
  facts: image.facts,
});

export async function findRunnable(
  tx: Transaction,
  who: Chooser,
  wanted: Pick<AssignmentTarget, 'image' | 'rootMode'>,
): Promise<Result<ImageRecord>> {
  const image = await findImage(tx, who.tenant, wanted.image);
  if (!image.ok) return image;
  return refuseImage(runnable(image.value), wanted.rootMode) ?? image;
}

/** One device by name, where it may be dealt with like that. */
export async function findFor(
  tx: Transaction,
  who: Chooser,
  ref: string,
  action: DeviceAction,
  etag?: string,
): Promise<Result<DeviceRecord>> {
  const found = await findDevice(tx, who, ref);
  if (!found.ok) return found;
  const allowed = refuseChanged(found.value, etag) ?? allowAction(action, found.value);
  return allowed.ok ? found : allowed;
}

/** The tenant whose devices a request is about. */
export const tenantOf = (who: Chooser, image: Pick<ImageRecord, 'tenant'>, defaultTenant: string): string =>
  who.tenant ?? image.tenant ?? defaultTenant;

/** What is wanted, in words: as in "No device <wish> is available". */
export function wishOf({ device, selector, model, site, memoryMiB }: Wish): string {
  if (device !== undefined) return device;
  const wishes = [
    ...(selector === undefined ? [] : [`with ${selector}`]),
    ...(model === undefined ? [] : [`of model ${model}`]),
    ...(memoryMiB === undefined ? [] : [`with ${memoryMiB} MiB of memory`]),
    ...(site === undefined ? [] : [`at the site ${site}`]),
  ];
  return wishes.length === 0 ? 'of this tenant' : wishes.join(', ');
}

/** Why a selector is none. */
export const refuseSelector = ({ selector }: Wish) =>
  selector !== undefined && parseSelector(selector) === undefined ? badSelector(selector) : undefined;

/** The device to provision, locked for the rest of the transaction. */
export async function pick(
  tx: Transaction,
  who: Chooser,
  image: ImageRecord,
  wanted: Wish,
  tenant: string,
): Promise<Result<DeviceRecord>> {
  if (wanted.device !== undefined) return pickNamed(tx, who, image, wanted.device);
  const { site, memoryMiB } = wanted;
  const labels = wanted.selector === undefined ? undefined : parseSelector(wanted.selector);
  const fitting = image.facts === null ? [] : fittingModels(image.facts);
  const models = wanted.model === undefined ? fitting : fitting.filter((model) => model === wanted.model);
  const claimed = await claim(tx, { tenant, labels, models, site, memoryMiB }, wanted.spread);
  if (claimed !== undefined) return success(claimed);
  const filter = {
    tenant,
    ...(labels === undefined ? {} : { labels }),
    ...(site === undefined ? {} : { site }),
    ...(wanted.model === undefined ? {} : { model: wanted.model }),
  };
  const free = await tx.devices.list({ ...filter, state: 'available' }, { limit: 5 });
  const inUse = await tx.devices.list({ ...filter, state: 'in-use' }, { limit: 1 });
  return nonePicked(runnable(image), wishOf(wanted), free.items, inUse.items.length > 0, memoryMiB);
}

async function pickNamed(
  tx: Transaction,
  who: Chooser,
  image: ImageRecord,
  ref: string,
): Promise<Result<DeviceRecord>> {
  const named = await findFor(tx, who, ref, 'provision');
  if (!named.ok) return named;
  const unfit = refuseDevice(runnable(image), named.value);
  if (unfit !== undefined) return unfit;
  const locked = await tx.devices.claimAvailable({ tenant: named.value.tenant, device: named.value.id });
  return locked === undefined ? takenMeanwhile(named.value) : success(locked);
}

/** Of what fits, one where the fewest are in use, if that is asked for. */
async function claim(
  tx: Transaction,
  filter: FreeFilter,
  label: string | undefined,
): Promise<DeviceRecord | undefined> {
  if (label === undefined) return tx.devices.claimAvailable(filter);
  for (const value of await tx.devices.spread(filter, label)) {
    const claimed = await tx.devices.claimAvailable({ ...filter, spread: { label, value } });
    if (claimed !== undefined) return claimed;
  }
  return undefined;
}

/** It was available a moment ago, and somebody else has it now. */
const takenMeanwhile = (device: DeviceRecord) =>
  refusal('device.state', `${device.name} was provisioned by somebody else a moment ago`, {
    remedy: `Choose another device, or free it with \`drover release ${device.name}\`.`,
    conflicts: [device.name],
  });
