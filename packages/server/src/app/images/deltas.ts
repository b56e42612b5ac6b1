import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { Derivative } from './ports.js';

/** Changes when deltas must be made anew. */
const deltaRecipe = '1';

/** What a board that has the root `from` downloads instead of another. */
export interface Delta {
  readonly from: string;
  readonly digest: string;
  readonly size: number;
}

export interface Deltas {
  /**
   * What turns the packed root `from` into the packed root `to`, by their sha256. Undefined when there is none: it is being made from now on, or would be hardly
   * smaller than the root, or the tenant (null: nobody's) may not see both images. A board that names a root it should not know learns nothing of it.
   */
  between(tenant: string | null, from: string, to: string): Promise<Delta | undefined>;
}

/** A delta that is not worth it is noted as the whole root, so that nobody makes it again. */
const isWhole = (delta: Derivative, root: Derivative): boolean => delta.blob === root.blob;

const recipeFor = (root: Derivative): string => `${deltaRecipe} ${root.blob}`;

/** The row that says what turns the root `from` into this one, if a job came to its end with that. */
export async function deltaTo(tx: Transaction, root: Derivative, from: string): Promise<Derivative | undefined> {
  const known = await tx.images.derivative(root.image, 'root-delta', from);
  return known?.recipe === recipeFor(root) ? known : undefined;
}

/** Such a row; without a delta: that there is none worth making. */
export const deltaRow = (
  root: Derivative,
  from: string,
  delta: { readonly digest: string; readonly size: number } | undefined,
  createdAt: string,
): Derivative => ({
  image: root.image,
  kind: 'root-delta',
  variant: from,
  blob: delta?.digest ?? root.blob,
  size: delta?.size ?? root.size,
  recipe: recipeFor(root),
  createdAt,
});

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly enqueue: EnqueueJob;
}

/** Boards ask at each boot and every few minutes: a delta that could not be made is not tried again at each of them. */
const retryAfterMs = 3_600_000;
/** Jobs of an image that are looked at. */
const mostJobs = 50;

/** Whether a job for this delta ended without one a short while ago: it failed, or somebody cancelled it. */
async function failedLately({ clock }: Pick<Deps, 'clock'>, tx: Transaction, image: string, from: string, to: string) {
  const since = new Date(clock.now() - retryAfterMs).toISOString();
  const { items } = await tx.jobs.list({ kind: 'image.delta', subject: image }, { limit: mostJobs });
  return items.some(
    ({ state, input, endedAt }) =>
      state !== 'succeeded' && input['from'] === from && input['to'] === to && endedAt !== null && endedAt > since,
  );
}

async function find(
  deps: Omit<Deps, 'store'>,
  tx: Transaction,
  { tenant, from, to }: { readonly tenant: string | null; readonly from: string; readonly to: string },
): Promise<Delta | undefined> {
  const [root] = await tx.images.roots(tenant, to);
  const [old] = await tx.images.roots(tenant, from);
  if (root === undefined || old === undefined || from === to) return undefined;
  const known = await deltaTo(tx, root, from);
  if (known !== undefined) return isWhole(known, root) ? undefined : { from, digest: known.blob, size: known.size };
  // One at a time for an image: whoever asks later starts the next.
  if ((await tx.jobs.unfinished('image.delta', root.image)) !== undefined) return undefined;
  if (await failedLately(deps, tx, root.image, from, to)) return undefined;
  const image = await tx.images.get(root.image);
  const input = { image: root.image, from, to };
  await deps.enqueue(tx, { kind: 'image.delta', tenant: image?.tenant ?? null, subject: root.image, input });
  return undefined;
}

/** A device as far as it matters to what it will download. */
export interface CardHolder {
  readonly tenant: string | null;
  /** What it said of itself last, with the root that ran then. */
  readonly beat: { readonly root: string | null } | null;
}

/**
 * These devices are to get the packed root `to`: the delta that most of them need is made before they restart and ask. The others' are made when they do.
 */
export async function foreseeDelta(
  deps: Omit<Deps, 'store'>,
  tx: Transaction,
  to: string,
  devices: readonly CardHolder[],
): Promise<void> {
  const counts = new Map<string, { tenant: string | null; from: string; count: number }>();
  for (const { tenant, beat } of devices) {
    const from = beat?.root ?? to;
    if (from === to) continue;
    const key = `${tenant} ${from}`;
    counts.set(key, { tenant, from, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  if (most !== undefined) await find(deps, tx, { tenant: most.tenant, from: most.from, to });
}

export const createDeltas = (deps: Deps): Deltas => ({
  between: (tenant, from, to) => deps.store.transaction((tx) => find(deps, tx, { tenant, from, to })),
});
