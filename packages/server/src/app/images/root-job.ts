import { RefusedError, refusal, success, type ImageFacts, type Result, type RootMode } from '@drover/contract';
import type { BlobStore } from '../blobs/ports.js';
import type { EnqueueJob, JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { keepDerivative, keepInitramfs } from './derivatives.js';
import { isPossibleWith } from './store-image.js';
import type {
  Derivative,
  ImageInspector,
  ImageRecord,
  InitramfsMaker,
  MadeInitramfs,
  RootPacker,
  SquashfsCompression,
} from './ports.js';

/** Changes when roots must be packed anew. */
const rootRecipe = '1';

export interface DeriveDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly packer: RootPacker;
  readonly initramfs: InitramfsMaker;
  readonly inspector: ImageInspector;
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
  /** Devices that wait for this image in one of these root modes become ready, in the transaction that made it so. */
  markReady(tx: Transaction, image: string, modes: readonly RootMode[]): Promise<void>;
  /** Devices that wait for it are told that it cannot be. */
  markFailed(tx: Transaction, image: string, reason: string, modes: readonly RootMode[]): Promise<void>;
}

/** Root modes that wait for a packed root and nothing else. */
const rootWaiters: readonly RootMode[] = ['ram', 'stream'];

/** The packed root that boards of mode `ram` download, when there is one. */
export const packedRoot = async (tx: Transaction, image: string): Promise<Derivative | undefined> =>
  (await tx.images.derivatives(image)).find(
    (derivative) => derivative.kind === 'root-squashfs' && derivative.recipe === rootRecipe,
  );

/** `ready`, or the job that is making what is missing: the first who needs it starts it, the others wait for the same one. */
export async function ensureRoot(
  deps: Pick<DeriveDeps, 'enqueue'>,
  tx: Transaction,
  image: ImageRecord,
): Promise<'ready' | { job: string }> {
  if ((await packedRoot(tx, image.id)) !== undefined) return 'ready';
  const running = await tx.jobs.unfinished('image.root', image.id);
  if (running !== undefined) return { job: running.id };
  return {
    job: await deps.enqueue(tx, {
      kind: 'image.root',
      tenant: image.tenant,
      subject: image.id,
      input: { image: image.id },
    }),
  };
}

/** The packed root of an image, made now where there is none. */
export async function makeRoot(deps: DeriveDeps, context: JobContext, image: ImportedRecord): Promise<Derivative> {
  // A crash may have come between the last commit and the end of the job.
  const before = await deps.store.read((tx) => packedRoot(tx, image.id));
  if (before !== undefined) return before;
  const output = await deps.blobs.scratch('root');
  try {
    const packed = await pack(deps, context, image, output);
    await deps.blobs.adopt(output, packed.digest);
    const made: Derivative = {
      image: image.id,
      kind: 'root-squashfs',
      variant: packed.compression,
      blob: packed.digest,
      size: packed.size,
      recipe: rootRecipe,
      createdAt: new Date(deps.clock.now()).toISOString(),
    };
    await deps.store.transaction(async (tx) => {
      if ((await tx.images.get(image.id)) === undefined) return;
      await keepDerivative(tx, made);
      await deps.markReady(tx, image.id, rootWaiters);
    });
    return made;
  } finally {
    await deps.blobs.discard(output);
  }
}

/** Packs an image's root partition as squashfs. */
export function createRootJob(deps: DeriveDeps): JobHandler {
  const run = async (context: JobContext): Promise<Result<Record<string, unknown>>> => {
    const image = await findImported(deps.store, context);
    return image === undefined ? deleted : success(rootResult(await makeRoot(deps, context, image)));
  };
  const unwind: JobHandler['unwind'] = async (tx, { input }, { state, reason }) => {
    const id = String(input['image']);
    const packed = await packedRoot(tx, id);
    if (packed !== undefined) return rootResult(packed);
    // In the transaction that ends the job: a board that asks for the image a moment later starts a new one, and does not wait for this one in vain.
    await deps.markFailed(tx, id, state === 'cancelled' ? 'Packing its root was cancelled.' : reason, rootWaiters);
    return undefined;
  };
  return { kind: 'image.root', run, unwind };
}

const rootResult = ({ image, blob, size, variant }: Derivative): Record<string, unknown> => ({
  image,
  digest: blob,
  size,
  compression: variant,
});

export interface ImportedRecord extends ImageRecord {
  digest: string;
  facts: ImageFacts;
}
const isImported = (image: ImageRecord | undefined): image is ImportedRecord =>
  image?.digest != null && image.facts != null;

export const deleted = refusal('image.not-found', 'The image was deleted.');

/** The image that a job is about, unless it is gone. */
export async function findImported(
  store: Store,
  { input }: Pick<JobContext, 'input'>,
): Promise<ImportedRecord | undefined> {
  const image = await store.read((tx) => tx.images.get(String(input['image'])));
  return isImported(image) ? image : undefined;
}

async function pack(
  deps: DeriveDeps,
  context: JobContext,
  image: ImportedRecord,
  output: string,
): Promise<{ digest: string; size: number; compression: SquashfsCompression }> {
  const path = deps.blobs.localPath(image.digest);
  if (path === undefined) throw new Error('the blob store is not local');
  const place = image.facts.partitions.find(({ number }) => number === image.facts.rootPartition);
  if (place === undefined)
    throw new RefusedError(
      refusal('image.unfit', 'The image has no root partition.', { remedy: 'Import an image with an ext4 root.' }),
    );
  const compression = await deps.initramfs.compression(path, image.facts);
  const packed = await deps.packer.pack({ path, offset: place.offset, length: place.length }, output, {
    compression,
    signal: context.signal,
    progress: (done, total) => context.progress({ step: 'pack', done, total, unit: 'bytes' }),
  });
  return { ...packed, compression };
}

/** Composes an image's initramfs anew, after an update of Drover that brought newer scripts or helpers. */
export function createBootJob(deps: DeriveDeps): JobHandler {
  const run = async (context: JobContext): Promise<Result<Record<string, unknown>>> => {
    const image = await findImported(deps.store, context);
    const path = image === undefined ? undefined : deps.blobs.localPath(image.digest);
    if (image === undefined || path === undefined) return deleted;
    const { id } = image;
    const recipe = await deps.initramfs.recipe();
    const made = await deps.initramfs.make(path, image.facts, {
      signal: context.signal,
      progress: (done, total) => context.progress({ step: 'compose', done, total, unit: 'files' }),
    });
    if (!made.ok) return made;
    const rootModes = await rootModesNow(deps, path, made.value);
    const at = new Date(deps.clock.now()).toISOString();
    await deps.store.transaction(async (tx) => {
      const now = await tx.images.get(id);
      if (now === undefined) return;
      const facts = { ...image.facts, rootModes };
      if (!(await tx.images.update(id, now.revision, { facts })))
        throw new Error(`the image ${id} was changed meanwhile`);
      await keepInitramfs(tx, id, made.value.parts, { recipe, createdAt: at });
    });
    return success({ image: id, recipe });
  };
  return { kind: 'image.boot', run };
}

/** A later Drover may know more of them than the one that imported the image. */
async function rootModesNow({ inspector }: DeriveDeps, path: string, made: MadeInitramfs): Promise<RootMode[]> {
  const { facts } = await inspector.inspect(path);
  return facts.rootModes.filter(isPossibleWith(made));
}

/** At start: queues {@link createBootJob} for images whose initramfs an older Drover made. */
export async function refreshInitramfs(deps: Pick<DeriveDeps, 'store' | 'initramfs' | 'enqueue'>): Promise<number> {
  const recipe = await deps.initramfs.recipe();
  let queued = 0;
  let cursor: string | undefined;
  do {
    const page = await deps.store.transaction(async (tx) => {
      const images = await tx.images.list({}, { limit: 100, ...(cursor === undefined ? {} : { cursor }) });
      for (const image of images.items) {
        const parts = (await tx.images.derivatives(image.id)).filter((derivative) => derivative.kind === 'initramfs');
        if (image.state !== 'ready' || parts.length === 0 || parts.every((part) => part.recipe === recipe)) continue;
        if ((await tx.jobs.unfinished('image.boot', image.id)) !== undefined) continue;
        await deps.enqueue(tx, {
          kind: 'image.boot',
          tenant: image.tenant,
          subject: image.id,
          input: { image: image.id },
        });
        queued += 1;
      }
      return images;
    });
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return queued;
}
