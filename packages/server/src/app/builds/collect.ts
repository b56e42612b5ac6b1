import { expiredBuilds } from '../../domain/build-retention.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { forgetBuild } from './builds.js';
import { isBuilt, usersOf } from './built-image.js';
import type { BuildLogs } from './ports.js';
import type { BuildRecord, Scheduled } from './records.js';

export interface CollectDeps {
  readonly store: Store;
  readonly logs: BuildLogs;
  readonly clock: Clock;
  /** How many builds of each recipe of a schedule are kept. */
  readonly schedules: readonly { readonly name: string; readonly recipes: readonly string[]; readonly keep: number }[];
}

/** Throws away scheduled builds that are not kept, with the images they made that nothing needs, and logs that belong to no build. */
export async function collectBuilds(deps: CollectDeps): Promise<void> {
  for (const { name, recipes, keep } of deps.schedules)
    for (const recipe of new Set(recipes)) await collectOf(deps, { schedule: name, recipe }, keep);
  for (const build of await deps.logs.list())
    if ((await deps.store.read((tx) => tx.builds.get(build))) === undefined) await deps.logs.delete(build);
}

async function collectOf({ store, logs, clock }: CollectDeps, of: Scheduled, keep: number): Promise<void> {
  const at = new Date(clock.now()).toISOString();
  // Looked at and thrown away in one transaction: what somebody pins or assigns meanwhile is kept.
  const gone = await store.transaction(async (tx) => {
    const ended = await tx.builds.ended(of);
    const inUse = new Set<string>();
    for (const build of ended) if (await isInUse(tx, build)) inUse.add(build.id);
    const expired = expiredBuilds(ended, keep, ({ id }) => inUse.has(id));
    for (const build of expired) {
      await forgetBuild(tx, build, at);
      await dropImage(tx, build, at);
    }
    return expired;
  });
  for (const { id } of gone) await logs.delete(id);
}

async function isInUse(tx: Transaction, { imageId }: BuildRecord): Promise<boolean> {
  const image = imageId === null ? undefined : await tx.images.get(imageId);
  return image !== undefined && (await usersOf(tx, image)).length > 0;
}

/** The image goes with the last build that made it. */
async function dropImage(tx: Transaction, { imageId }: BuildRecord, at: string): Promise<void> {
  if (imageId === null || (await tx.builds.ofImage(imageId)).length > 0) return;
  const image = await tx.images.get(imageId);
  if (image === undefined || !isBuilt(image) || (await usersOf(tx, image)).length > 0) return;
  await tx.images.delete(image.id);
  const data = { ref: `${image.name}:${image.version}` };
  await tx.events.append({ type: 'image.deleted', at, tenant: image.tenant, subject: image.id, data });
}
