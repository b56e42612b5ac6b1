import {
  models,
  refusal,
  type ImageFacts,
  type ImageState,
  type Model,
  type Refusal,
  type RootMode,
} from '@drover/contract';

/** An image as far as it matters to who may run it. */
export interface Runnable {
  readonly ref: string;
  /** null: shared by all tenants. */
  readonly tenant: string | null;
  readonly state: ImageState;
  readonly stateReason: string | null;
  readonly facts: ImageFacts | null;
}

/** Why an image cannot run on a model, undefined where it can. A board of unknown model gets the benefit of the doubt. */
export const unfitReason = (facts: ImageFacts, model: Model): string | undefined => {
  if (facts.models.includes(model)) return undefined;
  const known = facts.unfit.find((entry) => entry.model === model);
  if (known !== undefined) return known.reason;
  return model === 'other' ? undefined : `nothing in the image shows that it can run on a ${model}`;
};

/** Models that may be picked for an image. */
export const fittingModels = (facts: ImageFacts): Model[] =>
  models.filter((model) => unfitReason(facts, model) === undefined);

/** Why an image cannot be assigned in that root mode at all; undefined where it can. */
export const refuseImage = (image: Runnable, rootMode: RootMode): Refusal | undefined => {
  if (image.state !== 'ready' || image.facts === null) {
    const why = image.stateReason === null ? '' : `: ${image.stateReason}`;
    return refusal('image.not-ready', `The image ${image.ref} is ${image.state}${why}`, {
      remedy:
        image.state === 'importing'
          ? 'Wait for its import to end: drover image list'
          : 'Import it again, or choose another image.',
    });
  }
  if (image.facts.rootModes.includes(rootMode)) return undefined;
  const possible = image.facts.rootModes.join(', ');
  return refusal('image.unfit', `The image ${image.ref} cannot run with root mode ${rootMode}`, {
    remedy: possible === '' ? reasons(image.facts) : `Use one of its root modes: ${possible}.`,
    errors: [{ field: 'rootMode', message: 'is not possible with this image' }],
  });
};

const reasons = (facts: ImageFacts): string =>
  facts.warnings.length === 0 ? 'Choose another image.' : `What was found in it: ${facts.warnings.join('; ')}.`;

/** Why an image cannot run on this very device; undefined where it can. */
export const refuseDevice = (
  image: Runnable,
  device: { readonly name: string; readonly tenant: string | null; readonly model: Model },
): Refusal | undefined => {
  if (image.tenant !== null && image.tenant !== device.tenant) {
    return refusal('image.unfit', `The image ${image.ref} and the device ${device.name} belong to different tenants`, {
      remedy: 'Import the image for the tenant of the device, or share it with every tenant.',
    });
  }
  const reason = image.facts === null ? undefined : unfitReason(image.facts, device.model);
  if (reason === undefined) return undefined;
  return refusal('image.unfit', `The image ${image.ref} does not fit ${device.name} (${device.model}): ${reason}`, {
    remedy: 'Choose an image for that board, or another board.',
    errors: [{ field: 'image', message: reason }],
  });
};

/**
 * Why nothing could be picked. `wish`: the devices that were asked for, as in "No device <wish>". `available`: those of them that are free, all unfit;
 * `inUse`: whether others are in use.
 */
export const nonePicked = (
  image: Runnable,
  wish: string,
  available: readonly { readonly name: string; readonly model: Model; readonly memoryMiB: number | null }[],
  inUse: boolean,
  leastMemoryMiB?: number,
): Refusal => {
  if (available.length === 0) {
    return refusal('device.none-available', `No device ${wish} is available`, {
      remedy: inUse
        ? 'Release one that is in use with `drover release`, or adopt another.'
        : 'Adopt a discovered board with `drover device adopt`, or start one.',
    });
  }
  const unfit = available.map(({ name, model, memoryMiB }) => {
    const reason = (image.facts && unfitReason(image.facts, model)) ?? tooSmall(memoryMiB, leastMemoryMiB);
    return `${name} (${model}): ${reason ?? 'does not fit'}`;
  });
  return refusal('device.none-available', `No available device ${wish} can run ${image.ref}: ${unfit.join('; ')}`, {
    remedy: 'Choose an image for these boards, or ask for less.',
    conflicts: available.map(({ name }) => name),
  });
};

const tooSmall = (memoryMiB: number | null, least: number | undefined): string | undefined => {
  if (least === undefined) return undefined;
  if (memoryMiB === null) return 'nobody told how much memory it has';
  return memoryMiB < least ? `has ${memoryMiB} MiB of memory` : undefined;
};
