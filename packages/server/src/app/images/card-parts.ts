import type { JobContext } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store } from '../store/ports.js';
import { bootFilesOf, keepDerivative } from './derivatives.js';
import type { InitramfsMaker } from './ports.js';

export interface CardPartsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly initramfs: Pick<InitramfsMaker, 'makeCardPart' | 'cardRecipe'>;
}

/** What a card that updates itself needs in its initramfs: one part for each processor that the image has an initramfs for, made where there is none of this Drover. */
export async function makeCardParts(
  { store, clock, initramfs }: CardPartsDeps,
  image: string,
  { progress, signal }: Pick<JobContext, 'progress' | 'signal'>,
): Promise<void> {
  const derivatives = await store.read((tx) => tx.images.derivatives(image));
  const common = bootFilesOf(derivatives)?.initramfs.filter(({ kind }) => kind === 'common') ?? [];
  const recipe = await initramfs.cardRecipe();
  const known = derivatives.filter((each) => each.kind === 'card-initramfs' && each.recipe === recipe);
  for (const [done, { architecture }] of common.entries()) {
    if (known.some(({ variant }) => variant === architecture)) continue;
    progress({ step: 'compose', done, total: common.length, unit: 'files' });
    const { blob, size } = await initramfs.makeCardPart(architecture, signal);
    const createdAt = new Date(clock.now()).toISOString();
    await store.transaction(async (tx) => {
      if ((await tx.images.get(image)) === undefined) return;
      const of = { image, kind: 'card-initramfs', variant: architecture } as const;
      await keepDerivative(tx, { ...of, blob, size, recipe, createdAt });
    });
  }
}
