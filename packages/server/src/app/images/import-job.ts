import { refusal, RefusedError, success, type ImageCreate, type ImageSource, type Result } from '@drover/contract';
import type { BlobInfo } from '../blobs/ports.js';
import type { FailedEnd, JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { ImageRecord, ImageUnpacker, UploadRecord, UploadStore } from './ports.js';
import { recordImage, storeImage, type StoredImage, type StoreImageDeps } from './store-image.js';
import { namedUploads } from './upload-use.js';

export interface ImportDeps extends StoreImageDeps {
  readonly store: Store;
  readonly uploads: UploadStore;
  readonly unpacker: ImageUnpacker;
  readonly clock: Clock;
  readonly limits: { readonly maxSize: number; readonly maxUploadSize: number };
}

interface Input extends Omit<ImageCreate, 'sha256'> {
  readonly image: string;
  readonly sha256: string | null;
}

/**
 * Turns the bytes of an image into one that boards can boot: fetch, check the digest, unpack, read, store, compose the initramfs. Every step may run
 * again after a crash: scratch files are made anew, blobs are named by their content, and the image becomes ready in one transaction at the end.
 * A refused or cancelled import leaves nothing: no blob, no upload, no image of that name.
 */
export function createImportJob(deps: ImportDeps): JobHandler {
  const run = async (context: JobContext): Promise<Result<Record<string, unknown>>> => {
    const input = context.input as unknown as Input;
    const scratch: string[] = [];
    const newScratch = async (name: string): Promise<string> => {
      const path = await deps.blobs.scratch(name);
      scratch.push(path);
      return path;
    };
    try {
      // A crash may have come between the last commit and the end of the job.
      const { image, uploads } = await deps.store.read((tx) => look(tx, input));
      if (image === undefined) return refusal('image.not-found', 'The image was deleted before it was imported.');
      if (image.state === 'ready') return success(importResult(image));
      for (const [id, upload] of uploads) {
        if (upload === undefined || (await deps.uploads.size(id)) !== upload.size) return gone(id);
      }
      return await importImage(deps, context, input, newScratch);
    } finally {
      await Promise.all(scratch.map((path) => deps.blobs.discard(path)));
    }
  };
  return {
    kind: 'image.import',
    run,
    unwind: (tx, context, end) => forget(deps, tx, context.input as unknown as Input, end),
    tidy: (context) => dropUploads(deps, (context.input as unknown as Input).source),
  };
}

interface Found {
  readonly image: ImageRecord | undefined;
  readonly uploads: readonly (readonly [id: string, upload: UploadRecord | undefined])[];
}

/** The image, and the uploads its source names. */
async function look(tx: Transaction, { image, source }: Input): Promise<Found> {
  const uploads: [string, UploadRecord | undefined][] = [];
  for (const id of uploadsOf(source)) uploads.push([id, await tx.uploads.get(id)]);
  return { image: await tx.images.get(image), uploads };
}

/** Not by anything Drover does: an import holds its uploads until it ended. */
const gone = (id: string) =>
  refusal('upload.not-found', `The bytes of the upload ${id} are no longer there.`, {
    remedy: 'Upload the file again.',
  });

async function importImage(
  deps: ImportDeps,
  context: JobContext,
  input: Input,
  scratch: (name: string) => Promise<string>,
): Promise<Result<Record<string, unknown>>> {
  const path = await scratch('disk');
  const disk = await fetchDisk(deps, context, input, path, scratch);
  const stored = await storeImage(deps, context, path, disk);
  await deps.store.transaction((tx) => finish(deps, tx, input, stored));
  return success({ image: input.image, digest: disk.digest, size: disk.size });
}

/** Bytes as they come, checked, and unpacked into `path`. */
async function fetchDisk(
  deps: ImportDeps,
  context: JobContext,
  { source, sha256 }: Input,
  path: string,
  scratch: (name: string) => Promise<string>,
): Promise<BlobInfo> {
  const { signal } = context;
  const report = (step: string) => (done: number, total: number | null) =>
    context.progress({ step, done, total, unit: 'bytes' });
  const unpack = (from: string, mayTake: boolean) =>
    deps.unpacker.unpack(from, path, { limit: deps.limits.maxSize, signal, mayTake, progress: report('unpack') });
  switch (source.kind) {
    case 'upload':
      await expectDigest(deps, context, deps.uploads.path(source.upload), sha256);
      return unpack(deps.uploads.path(source.upload), true);
    case 'path':
      await expectDigest(deps, context, source.path, sha256);
      return unpack(source.path, false);
    case 'url': {
      const download = await scratch('download');
      const fetched = await deps.unpacker.download(source.url, download, {
        limit: deps.limits.maxUploadSize,
        signal,
        progress: report('download'),
      });
      if (sha256 !== null && fetched.digest !== sha256) throw mismatch(sha256, fetched.digest);
      return unpack(download, true);
    }
    case 'tars':
      return deps.unpacker.assemble(deps.uploads.path(source.boot), deps.uploads.path(source.root), path, {
        limit: deps.limits.maxSize,
        signal,
        progress: (step, done, total) => report(step)(done, total),
      });
  }
}

async function expectDigest(deps: ImportDeps, context: JobContext, path: string, sha256: string | null): Promise<void> {
  if (sha256 === null) return;
  const actual = await deps.unpacker.digest(path, {
    signal: context.signal,
    progress: (done, total) => context.progress({ step: 'check', done, total, unit: 'bytes' }),
  });
  if (actual.digest !== sha256) throw mismatch(sha256, actual.digest);
}

const mismatch = (expected: string, actual: string) =>
  new RefusedError(
    refusal('image.digest-mismatch', `The bytes have sha256 ${actual}, not ${expected}.`, {
      remedy: 'Download or copy the file again, and compare with the digest its publisher gives.',
      errors: [{ field: 'sha256', message: 'does not match' }],
    }),
  );

const importResult = ({ id, digest, size }: ImageRecord): Record<string, unknown> => ({ image: id, digest, size });

/** Repeating it after a crash changes nothing. */
async function finish(deps: ImportDeps, tx: Transaction, input: Input, stored: StoredImage): Promise<void> {
  const image = await tx.images.get(input.image);
  if (image === undefined)
    throw new RefusedError(refusal('image.not-found', 'The image was deleted while it was imported.'));
  if (image.state === 'ready') return;
  await recordImage(tx, image, stored, new Date(deps.clock.now()).toISOString());
  for (const upload of uploadsOf(input.source)) await tx.uploads.delete(upload);
}

const uploadsOf = (source: ImageSource): string[] => namedUploads(source).map(([, id]) => id);

async function dropUploads(deps: ImportDeps, source: ImageSource): Promise<void> {
  for (const id of uploadsOf(source)) {
    if ((await deps.store.read((tx) => tx.uploads.get(id))) === undefined) await deps.uploads.delete(id);
  }
}

/** Nothing of a refused or cancelled import stays; the job keeps the reason. An image that is ready stays: then its import was done. */
async function forget(
  deps: ImportDeps,
  tx: Transaction,
  input: Input,
  { state, reason, isGivenUp }: FailedEnd,
): Promise<Record<string, unknown> | undefined> {
  const image = await tx.images.get(input.image);
  if (image?.state === 'ready') return importResult(image);
  if (image !== undefined) {
    const ref = `${image.name}:${image.version}`;
    await tx.images.delete(image.id);
    await tx.events.append({
      type: 'image.failed',
      at: new Date(deps.clock.now()).toISOString(),
      tenant: image.tenant,
      subject: image.id,
      data: { ref, reason: state === 'cancelled' ? 'The import was cancelled.' : reason },
    });
  }
  // An import that failed by no fault of its bytes may be tried again with them, until they expire as any upload does.
  for (const upload of uploadsOf(input.source))
    await (isGivenUp ? tx.uploads.update(upload, { image: null }) : tx.uploads.delete(upload));
  return undefined;
}
