import { createHash } from 'node:crypto';
import { refusal, success, type Result, type RootMode } from '@drover/contract';
import { bootSetFiles, setId, sourcesKey, sumsFile, type FileSum, type SetSources } from '../../domain/boot-set.js';
import type { CardFile } from '../../domain/card-files.js';
import type { BlobInfo, BlobStore } from '../blobs/ports.js';
import type { TreeLoader } from '../boot/plane/trees.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { EnqueueJob, JobContext, JobHandler } from '../jobs/handler.js';
import type { Store, Transaction } from '../store/ports.js';
import { bytesOfFile, cardArchive } from './card-archive.js';
import { makeCardParts } from './card-parts.js';
import { foreseeDelta } from './deltas.js';
import { keepDerivative, setSourcesOf } from './derivatives.js';
import type { Derivative, ImageRecord, InitramfsMaker } from './ports.js';
import { deleted, findImported, makeRoot, packedRoot, type DeriveDeps } from './root-job.js';

/** What a self-updating card is given of an image. */
export interface BootSet {
  /** What the command line of its kernel names it by. */
  readonly id: string;
  readonly archive: BlobInfo;
  readonly root: BlobInfo;
}

/** Root modes that wait for a set. */
const setWaiters: readonly RootMode[] = ['sd'];

/** Of the row of a set: what it was made from, and which set it is. */
const recipeOf = (sources: SetSources, id: string): string => `${sourcesKey(sources)} ${id}`;
const idOf = ({ recipe }: Derivative): string => recipe.split(' ').at(-1) ?? '';

/** Devices whose roots tell which delta will be needed most. */
const mostLookedAt = 500;
const keepsRoot = ({ assignment }: DeviceRecord): boolean => assignment?.rootMode === 'sd';

const info = ({ blob, size }: Derivative): BlobInfo => ({ digest: blob, size });

/** The set that fits the initramfs and the boot tree as they are now, where the root is packed. */
export async function bootSetOf(tx: Transaction, image: string): Promise<BootSet | undefined> {
  const [derivatives, root] = [await tx.images.derivatives(image), await packedRoot(tx, image)];
  const sources = setSourcesOf(derivatives);
  const set = derivatives.find(({ kind }) => kind === 'boot-set');
  if (sources === undefined || root === undefined || set?.recipe.split(' ')[0] !== sourcesKey(sources))
    return undefined;
  return { id: idOf(set), archive: info(set), root: info(root) };
}

/** That set, or while it is made anew the one there was, which boots the same root as well. */
export async function usableBootSet(tx: Transaction, image: string): Promise<BootSet | undefined> {
  const [derivatives, root] = [await tx.images.derivatives(image), await packedRoot(tx, image)];
  const set = derivatives.find(({ kind }) => kind === 'boot-set');
  return set === undefined || root === undefined ? undefined : { id: idOf(set), archive: info(set), root: info(root) };
}

/** `ready`, or the job that is making it, as {@link ensureRoot}. */
export async function ensureBootSet(
  deps: { readonly enqueue: EnqueueJob },
  tx: Transaction,
  image: Pick<ImageRecord, 'id' | 'tenant'>,
): Promise<'ready' | { job: string }> {
  if ((await bootSetOf(tx, image.id)) !== undefined) return 'ready';
  const running = await tx.jobs.unfinished('image.boot-set', image.id);
  return { job: running?.id ?? (await queue(deps, tx, image)) };
}

const queue = (
  { enqueue }: { readonly enqueue: EnqueueJob },
  tx: Transaction,
  { id, tenant }: Pick<ImageRecord, 'id' | 'tenant'>,
): Promise<string> => enqueue(tx, { kind: 'image.boot-set', tenant, subject: id, input: { image: id } });

export interface BootSetDeps extends DeriveDeps {
  readonly trees: TreeLoader;
}

/** Makes the set of boot files of an image: packs its root where that was not done yet, makes the initramfs part for cards, renders, hashes and archives. */
export function createBootSetJob(deps: BootSetDeps): JobHandler {
  const run = async (context: JobContext): Promise<Result<Record<string, unknown>>> => {
    const image = await findImported(deps.store, context);
    if (image === undefined) return deleted;
    await makeRoot(deps, context, image);
    await makeCardParts(deps, image.id, context);
    const sources = setSourcesOf(await deps.store.read((tx) => tx.images.derivatives(image.id)));
    if (sources === undefined) return refusal('image.not-ready', 'The boot files of the image are not ready.');
    const made = await makeArchive(deps, context, sources);
    if (!made.ok) return made;
    const done = await save(deps, image.id, recipeOf(sources, made.value.id), made.value);
    return done ? success({ image: image.id, ...made.value }) : deleted;
  };
  const unwind: JobHandler['unwind'] = async (tx, { input }, { state, reason }) => {
    const id = String(input['image']);
    const set = await bootSetOf(tx, id);
    if (set !== undefined) return { image: id, ...set.archive, id: set.id };
    const why = state === 'cancelled' ? 'Making what its card holds was cancelled.' : reason;
    await deps.markFailed(tx, id, why, setWaiters);
    return undefined;
  };
  return { kind: 'image.boot-set', run, unwind };
}

async function makeArchive(
  { blobs, trees }: BootSetDeps,
  context: JobContext,
  sources: SetSources,
): Promise<Result<BlobInfo & { id: string }>> {
  const tree = await trees.load(sources.tree);
  const unnamed = bootSetFiles(tree, sources);
  if (!unnamed.ok) return unfit(unnamed.reason);
  const sums = await sumsOf(blobs, context, unnamed.files);
  const id = setId(sums);
  const named = bootSetFiles(tree, sources, id);
  if (!named.ok) return unfit(named.reason);
  // Which set it is stands in what was rendered for it, and in nothing that is long.
  const rendered = await sumsOf(blobs, context, named.files.filter(isRendered));
  const renamed = new Map([...sums, ...rendered].map(({ path, sha256 }) => [path, sha256]));
  const files: CardFile[] = [...named.files, sumsFile([...renamed].map(([path, sha256]) => ({ path, sha256 })))];
  // No time of its own: the same files are the same archive.
  const archive = await blobs.put(cardArchive(blobs, files, 0), { signal: context.signal });
  return success({ ...archive, id });
}

const unfit = (reason: string) =>
  refusal('image.unfit', `The image cannot be kept by a self-updating card: ${reason}.`, {
    remedy: 'Use another root mode for it, or change its config.txt.',
  });

const isRendered = ({ source }: CardFile): boolean => source.segments.every((segment) => 'inline' in segment);

async function sumsOf(blobs: BlobStore, context: JobContext, files: readonly CardFile[]): Promise<FileSum[]> {
  const sums: FileSum[] = [];
  for (const [done, { path, source }] of files.entries()) {
    context.signal.throwIfAborted();
    context.progress({ step: 'hash', done, total: files.length, unit: 'files' });
    const hash = createHash('sha256');
    for await (const piece of bytesOfFile(blobs, source)) hash.update(piece);
    sums.push({ path, sha256: hash.digest('hex') });
  }
  return sums;
}

/** False when the image was deleted meanwhile. A source that changed meanwhile makes the set another one's, which the next who needs it finds out. */
const save = (deps: BootSetDeps, image: string, recipe: string, { digest, size }: BlobInfo): Promise<boolean> =>
  deps.store.transaction(async (tx) => {
    if ((await tx.images.get(image)) === undefined) return false;
    const createdAt = new Date(deps.clock.now()).toISOString();
    await keepDerivative(tx, { image, kind: 'boot-set', variant: '', blob: digest, size, recipe, createdAt });
    await deps.markReady(tx, image, setWaiters);
    const root = await packedRoot(tx, image);
    const { items } = await tx.devices.list({ image }, { limit: mostLookedAt });
    if (root !== undefined) await foreseeDelta(deps, tx, root.blob, items.filter(keepsRoot));
    return true;
  });

/** At start: makes those sets anew whose initramfs part for cards an older Drover made. Whatever else changes is seen by whoever needs the set next. */
export async function refreshBootSets(deps: {
  readonly store: Store;
  readonly initramfs: Pick<InitramfsMaker, 'cardRecipe'>;
  readonly enqueue: EnqueueJob;
}): Promise<number> {
  const recipe = await deps.initramfs.cardRecipe();
  let queued = 0;
  let cursor: string | undefined;
  do {
    const page = await deps.store.transaction(async (tx) => {
      const images = await tx.images.list({}, { limit: 100, ...(cursor === undefined ? {} : { cursor }) });
      for (const image of images.items) {
        const parts = (await tx.images.derivatives(image.id)).filter(({ kind }) => kind === 'card-initramfs');
        if (parts.every((part) => part.recipe === recipe)) continue;
        if ((await tx.jobs.unfinished('image.boot-set', image.id)) !== undefined) continue;
        await queue(deps, tx, image);
        queued += 1;
      }
      return images;
    });
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return queued;
}
