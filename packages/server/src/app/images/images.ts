import {
  refusal,
  success,
  type BootFile,
  type Image,
  ImageCreate,
  type ImageSource,
  type Page,
  type Principal,
  type Result,
} from '@drover/contract';
import type { BootTree } from '../../domain/boot-plan.js';
import type { BlobStore } from '../blobs/ports.js';
import { refOf } from '../configs/places.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { ImportAgain } from '../jobs/retry.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import type { ImageRecord, ImportFolders } from './ports.js';
import { findImageFor, presentImage, shows } from './refs.js';
import { checkUploads, namedUploads } from './upload-use.js';

export interface ImagesDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly folders: ImportFolders;
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly defaultTenant: string;
}

/** What people and programs do with images. The work itself is in jobs: see import-job and derive-job. */
export function createImages(deps: ImagesDeps) {
  const { store, clock, ids } = deps;
  const now = (): string => new Date(clock.now()).toISOString();

  const create = (who: Principal, wanted: ImageCreate, also?: Also<Image>): Promise<Result<Image>> =>
    createFor(who.tenant ?? deps.defaultTenant, who, wanted, also);

  /** `owner`: the tenant whose image it becomes, unless it is shared. */
  const createFor = async (
    owner: string,
    who: Principal,
    wanted: ImageCreate,
    also?: Also<Image>,
  ): Promise<Result<Image>> => {
    if (wanted.shared && who.role !== 'admin') return notShared();
    const checked = await checkPath(deps.folders, who, wanted.source);
    if (!checked.ok) return checked;
    const tenant = wanted.shared ? null : owner;
    const at = now();
    return store.transaction(async (tx) => {
      const uploads = await checkUploads(tx, who, wanted);
      if (!uploads.ok) return uploads;
      const image: ImageRecord = {
        ...blank,
        id: ids.next('img'),
        tenant,
        name: wanted.name,
        version: wanted.version,
        createdAt: at,
        updatedAt: at,
        source: checked.value,
      };
      const ref = `${image.name}:${image.version}`;
      if (!(await tx.images.insert(image))) {
        return refusal('image.exists', `There is an image ${ref} already.`, {
          remedy: 'Choose another version, or delete that image first.',
          errors: [{ field: 'version', message: 'is taken' }],
        });
      }
      for (const [, upload] of namedUploads(checked.value)) await tx.uploads.update(upload, { image: image.id });
      const input = { ...wanted, image: image.id, source: checked.value, sha256: wanted.sha256 ?? null };
      const job = await deps.enqueue(tx, { kind: 'image.import', tenant, subject: image.id, input });
      await tx.images.update(image.id, image.revision, { job, updatedAt: at });
      await tx.events.append({ type: 'image.import-started', at, tenant, subject: image.id, data: { ref, job } });
      const answer = presentImage({ ...image, job, revision: image.revision + 1 });
      await also?.(tx, answer);
      return success(answer);
    });
  };

  /** Asks again for the image of an import that failed: `input` is that job's, `tenant` its owner. */
  const importAgain: ImportAgain = async (who, { input, tenant }, also) => {
    const wanted = ImageCreate.safeParse({ ...input, sha256: input['sha256'] ?? undefined });
    if (!wanted.success) throw new Error('the input of an import job holds no image to import');
    return createFor(tenant ?? deps.defaultTenant, who, wanted.data, also);
  };

  const get = async (who: Principal, ref: string): Promise<Result<Image>> =>
    store.read(async (tx) => {
      const found = await findImageFor(tx, who, ref);
      return found.ok ? success(presentImage(found.value)) : found;
    });

  const list = async (who: Principal, query: { limit: number; cursor?: string; name?: string }): Promise<Page<Image>> =>
    store.read(async (tx) => {
      const { limit, cursor, name } = query;
      const filter = {
        ...(who.tenant === null ? {} : { tenant: who.tenant }),
        ...(name === undefined ? {} : { name }),
      };
      const page = await tx.images.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) });
      return { items: page.items.filter((image) => shows(who, image)).map(presentImage), next: page.next };
    });

  const files = async (
    who: Principal,
    ref: string,
    query: { limit: number; cursor?: string },
  ): Promise<Result<Page<BootFile>>> => {
    const tree = await store.read(async (tx) => {
      const found = await findImageFor(tx, who, ref);
      if (!found.ok) return found;
      const derivative = await tx.images.derivative(found.value.id, 'boot-tree', '');
      return derivative === undefined ? notReady(ref) : success(derivative);
    });
    if (!tree.ok) return tree;
    const bytes = await deps.blobs.read(tree.value.blob, 0, tree.value.size);
    const { files: all } = JSON.parse(Buffer.from(bytes).toString('utf8')) as BootTree;
    const start = Number(query.cursor ?? 0);
    if (!Number.isSafeInteger(start) || start < 0)
      return refusal('request.cursor-invalid', 'This cursor was not given by this list.', {
        remedy: 'Begin again without a cursor.',
      });
    const items = all.slice(start, start + query.limit).map(({ path, size }) => ({ path, size }));
    const end = start + items.length;
    return success({ items, next: end < all.length ? String(end) : null });
  };

  const remove = async (who: Principal, ref: string, etag: string | undefined): Promise<Result<null>> =>
    store.transaction(async (tx) => {
      const found = await findImageFor(tx, who, ref);
      if (!found.ok) return found;
      const image = found.value;
      const kept = await mayDelete(tx, who, image, etag);
      if (!kept.ok) return kept;
      await tx.images.delete(image.id);
      await tx.events.append({
        type: 'image.deleted',
        at: now(),
        tenant: image.tenant,
        subject: image.id,
        data: { ref: `${image.name}:${image.version}` },
      });
      return success(null);
    });

  return { create, importAgain, get, list, files, remove };
}

export type Images = ReturnType<typeof createImages>;

const blank = {
  revision: 1,
  state: 'importing' as const,
  stateReason: null,
  digest: null,
  size: null,
  facts: null,
  job: null,
};

const notShared = () =>
  refusal('auth.forbidden', 'Only an admin key may share an image with every tenant.', {
    remedy: 'Leave out `shared`, or use an admin key.',
  });
const notReady = (ref: string) =>
  refusal('image.not-ready', `The image ${ref} is still being imported.`, { remedy: 'Wait for its job to end.' });

async function mayDelete(
  tx: Transaction,
  who: Principal,
  image: ImageRecord,
  etag: string | undefined,
): Promise<Result<null>> {
  const ref = `${image.name}:${image.version}`;
  if (image.tenant === null && who.tenant !== null)
    return refusal('auth.forbidden', `${ref} belongs to every tenant.`, {
      remedy: 'Ask an administrator to delete it.',
    });
  if (etag !== undefined && etag !== `"${image.revision}"`)
    return refusal('precondition.failed', `${ref} was changed meanwhile.`, { remedy: 'Read it again.' });
  if (image.state === 'importing')
    return refusal('image.not-ready', `${ref} is being imported.`, {
      remedy: `Cancel its job first: drover job cancel ${image.job ?? ''}`,
    });
  const configs = await tx.bootLayers.namingImage(image.tenant ?? undefined, [image.id, ref]);
  const users = [...(await tx.images.usedBy(image.id)), ...configs.map(refOf)];
  if (users.length === 0) return success(null);
  return refusal('image.in-use', `${ref} is in use by ${users.join(', ')}.`, {
    remedy: 'Release or reimage these devices first, and name another image in these boot configs.',
    conflicts: users,
  });
}

/** A path is resolved once, when it is asked for, and only for administrators of the installation. */
async function checkPath(folders: ImportFolders, who: Principal, source: ImageSource): Promise<Result<ImageSource>> {
  if (source.kind !== 'path') return success(source);
  if (who.role !== 'admin' || who.tenant !== null)
    return refusal('auth.forbidden', 'Only an admin key of the installation may import from a path of the server.', {
      remedy: 'Upload the image instead.',
    });
  const real = await folders.resolve(source.path);
  return real.ok ? success({ kind: 'path', path: real.value.path }) : real;
}
