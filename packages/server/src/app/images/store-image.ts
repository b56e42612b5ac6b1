import { RefusedError, type ImageFacts, type RootMode } from '@drover/contract';
import type { BootTree, InitramfsPart } from '../../domain/boot-plan.js';
import type { BlobInfo, BlobStore } from '../blobs/ports.js';
import type { JobContext } from '../jobs/handler.js';
import type { Transaction } from '../store/ports.js';
import { keepDerivative, keepInitramfs } from './derivatives.js';
import type { ImageInspector, ImageRecord, InitramfsMaker, MadeInitramfs } from './ports.js';

export interface StoreImageDeps {
  readonly blobs: BlobStore;
  readonly inspector: ImageInspector;
  readonly initramfs: InitramfsMaker;
}

/** A disk whose bytes are stored with all that boards need of it, and that no row names yet. */
export interface StoredImage {
  readonly disk: BlobInfo;
  readonly treeBlob: BlobInfo;
  /** Of the initramfs. */
  readonly recipe: string;
  readonly parts: readonly InitramfsPart[];
  readonly facts: ImageFacts;
}

/** Reads a finished disk, composes its initramfs, and takes it over. May run again after a crash: blobs are named by their content. */
export async function storeImage(
  deps: StoreImageDeps,
  context: Pick<JobContext, 'progress' | 'signal'>,
  path: string,
  disk: BlobInfo,
): Promise<StoredImage> {
  context.progress({ step: 'read', done: 0, total: null, unit: 'files' });
  const { facts, tree } = await deps.inspector.inspect(path);
  const made = await makeInitramfs(deps, context, path, facts);
  await deps.blobs.adopt(path, disk.digest);
  const bootTree: BootTree = { ...tree, image: disk.digest };
  const treeBlob = await deps.blobs.put(bytesOf(JSON.stringify(bootTree)));
  const recipe = await deps.initramfs.recipe();
  const rootModes = facts.rootModes.filter(made.isPossible);
  const warnings = [...facts.warnings, ...made.warnings];
  return { disk, treeBlob, recipe, parts: made.parts, facts: { ...facts, rootModes, warnings } };
}

/** What the kernels of an image can, besides what the image itself allows. */
export const isPossibleWith =
  ({ canAttach, canMount, canUpdateCard }: Pick<MadeInitramfs, 'canAttach' | 'canMount' | 'canUpdateCard'>) =>
  (mode: RootMode): boolean =>
    ({ ram: true, sd: canUpdateCard, nfs: canMount, nbd: canAttach, stream: canAttach })[mode];

async function makeInitramfs(
  { initramfs }: StoreImageDeps,
  context: Pick<JobContext, 'progress' | 'signal'>,
  path: string,
  facts: ImageFacts,
): Promise<{ parts: InitramfsPart[]; warnings: string[]; isPossible: (mode: RootMode) => boolean }> {
  if (facts.rootModes.length === 0)
    return {
      parts: [],
      warnings: ['there is no root file system with modules for one of its kernels, so no root mode is possible'],
      isPossible: () => false,
    };
  const made = await initramfs.make(path, facts, {
    signal: context.signal,
    progress: (done, total) => context.progress({ step: 'compose', done, total, unit: 'files' }),
  });
  if (made.ok) {
    const { parts, warnings } = made.value;
    return { parts, warnings, isPossible: isPossibleWith(made.value) };
  }
  if (made.code !== 'image.unfit') throw new RefusedError(made);
  return { parts: [], warnings: [made.detail], isPossible: () => false };
}

/** The one moment an image becomes real: its row, which is importing, and all that belongs to it. */
export async function recordImage(
  tx: Transaction,
  image: ImageRecord,
  { disk, treeBlob, recipe, parts, facts }: StoredImage,
  at: string,
): Promise<void> {
  await tx.blobs.record(disk, at);
  const tree = { kind: 'boot-tree' as const, variant: '', blob: treeBlob.digest, size: treeBlob.size, recipe: '1' };
  await keepDerivative(tx, { image: image.id, ...tree, createdAt: at });
  await keepInitramfs(tx, image.id, parts, { recipe, createdAt: at });
  const change = { state: 'ready' as const, digest: disk.digest, size: disk.size, facts, updatedAt: at };
  if (!(await tx.images.update(image.id, image.revision, change)))
    throw new Error(`image ${image.id} changed under its own import`);
  await tx.events.append({
    type: 'image.ready',
    at,
    tenant: image.tenant,
    subject: image.id,
    data: { ref: `${image.name}:${image.version}`, digest: disk.digest, size: disk.size },
  });
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text, 'utf8');
}
