import { RefusedError, refusal, success, type ImageFacts, type Result, type RootMode } from '@drover/contract';
import type { BlobStore } from '../blobs/ports.js';
import type { EnqueueJob, JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { partVariant } from './derivatives.js';
import type {
  Derivative,
  ImageInspector,
  ImageRecord,
  InitramfsMaker,
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
  /** Devices that wait for this image become ready, in the transaction that made it so. */
  markReady(tx: Transaction, image: string): Promise<void>;
  /** Devices that wait for it are told that it cannot be. */
  markFailed(tx: Transaction, image: string, reason: string): Promise<void>;
}

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

/** Packs an image's root partition as squashfs. */
export function createRootJob(deps: DeriveDeps): JobHandler {
  const run = async (context: JobContext): Promise<Result<Record<string, unknown>>> => {
    const id = String(context.input['image']);
    const image = await deps.store.read((tx) => tx.images.get(id));
    if (!isImported(image)) return refusal('image.not-found', 'The image was deleted.');
    // A crash may have come between the last commit and the end of the job.
    const before = await deps.store.read((tx) => packedRoot(tx, id));
    if (before !== undefined) return success(rootResult(before));
    const output = await deps.blobs.scratch('root');
    try {
      const packed = await pack(deps, context, image, output);
      await deps.blobs.adopt(output, packed.digest);
      const at = new Date(deps.clock.now()).toISOString();
      await deps.store.transaction(async (tx) => {
        if ((await tx.images.get(id)) === undefined) return;
        await tx.blobs.record(packed, at);
        await tx.images.saveDerivative({
          image: id,
          kind: 'root-squashfs',
          variant: packed.compression,
          blob: packed.digest,
          size: packed.size,
          recipe: rootRecipe,
          createdAt: at,
        });
        await deps.markReady(tx, id);
      });
      return success({ image: id, digest: packed.digest, size: packed.size, compression: packed.compression });
    } finally {
      await deps.blobs.discard(output);
    }
  };
  const unwind: JobHandler['unwind'] = async (tx, { input }, { state, reason }) => {
    const id = String(input['image']);
    const packed = await packedRoot(tx, id);
    if (packed !== undefined) return rootResult(packed);
    // In the transaction that ends the job: a board that asks for the image a moment later starts a new one, and does not wait for this one in vain.
    await deps.markFailed(tx, id, state === 'cancelled' ? 'Packing its root was cancelled.' : reason);
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

interface ImportedRecord extends ImageRecord {
  digest: string;
  facts: ImageFacts;
}
const isImported = (image: ImageRecord | undefined): image is ImportedRecord =>
  image?.digest != null && image.facts != null;

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
    const id = String(context.input['image']);
    const image = await deps.store.read((tx) => tx.images.get(id));
    const path = isImported(image) ? deps.blobs.localPath(image.digest) : undefined;
    if (!isImported(image) || path === undefined) return refusal('image.not-found', 'The image was deleted.');
    const recipe = await deps.initramfs.recipe();
    const made = await deps.initramfs.make(path, image.facts, {
      signal: context.signal,
      progress: (done, total) => context.progress({ step: 'compose', done, total, unit: 'files' }),
    });
    if (!made.ok) return made;
    const rootModes = await rootModesNow(deps, path, made.value.canAttach);
    const at = new Date(deps.clock.now()).toISOString();
    await deps.store.transaction(async (tx) => {
      const now = await tx.images.get(id);
      if (now === undefined) return;
      const facts = { ...image.facts, rootModes };
      if (!(await tx.images.update(id, now.revision, { facts })))
        throw new Error(`the image ${id} was changed meanwhile`);
      for (const part of made.value.parts) {
        await tx.blobs.record({ digest: part.blob, size: part.size }, at);
        await tx.images.saveDerivative({
          image: id,
          kind: 'initramfs',
          variant: partVariant(part),
          blob: part.blob,
          size: part.size,
          recipe,
          createdAt: at,
        });
      }
    });
    return success({ image: id, recipe });
  };
  return { kind: 'image.boot', run };
}

/** A later Drover may know more of them than the one that imported the image. */
async function rootModesNow({ inspector }: DeriveDeps, path: string, canAttach: boolean): Promise<RootMode[]> {
  const { facts } = await inspector.inspect(path);
  return facts.rootModes.filter((mode) => mode === 'ram' || canAttach);
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
