import { refusal, RefusedError, success, type BuildFile, type Result } from '@drover/contract';
import type { UploadStore } from '../images/ports.js';
import { findImage } from '../images/refs.js';
import { recordImage, storeImage, type StoredImage, type StoreImageDeps } from '../images/store-image.js';
import type { FailedEnd, JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock, Ids } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { imageNamed, newImage } from './built-image.js';
import { isEnded } from './find.js';
import { createNarrator, type Narrator } from './narrator.js';
import type { BuildLogs, BuildRequest, ImageBuilder, MadeImage, OpenedImage } from './ports.js';
import type { BuildRecord } from './records.js';

export interface BuildJobDeps extends StoreImageDeps {
  readonly store: Store;
  readonly uploads: UploadStore;
  readonly builder: ImageBuilder;
  readonly logs: BuildLogs;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What is to be done when a build has ended. */
  readonly onEnded: () => Promise<void>;
}

const idOf = ({ input }: Pick<JobContext, 'input'>): string => String(input['build']);

/**
 * Builds an image and puts it into the image store. A server that ends in the middle begins again: what the build finished is kept, so that it goes on there.
 * Image, files and the end of the build become real in one transaction. What failed or was cancelled leaves its log and its reason.
 */
export const createBuildJob = (deps: BuildJobDeps): JobHandler => ({
  kind: 'image.build',
  run: (context) => run(deps, context),
  unwind: (tx, context, end) => unwind(deps, tx, idOf(context), end),
  tidy: async (context) => {
    await dropUploads(deps, idOf(context));
    await deps.onEnded();
  },
});

const resultOf = ({ id, image, imageId, unchanged }: BuildRecord): Record<string, unknown> => ({
  ...{ build: id, image, imageId, unchanged },
});

async function run(deps: BuildJobDeps, context: JobContext): Promise<Result<Record<string, unknown>>> {
  const { store, logs } = deps;
  const build = await store.read((tx) => tx.builds.get(idOf(context)));
  if (build === undefined) return refusal('build.not-found', 'The build was deleted before it began.');
  // A crash may have come between its end and that of the job.
  if (build.state === 'succeeded') return success(resultOf(build));
  const startedAt = build.startedAt ?? new Date(deps.clock.now()).toISOString();
  await store.transaction((tx) => tx.builds.update(build.id, { state: 'running', startedAt }));
  const log = await logs.append(build.id);
  const narrator = createNarrator(log, (progress) => context.progress(progress));
  if (build.startedAt !== null) narrator.say('The build begins again; what was finished is used again.');
  try {
    const made = await make(deps, context, build, narrator);
    narrator.say(`${made.name}:${made.version} is in the image store.`);
    await log.close();
    const logBytes = await logs.size(build.id);
    return success(await store.transaction((tx) => finish(deps, tx, build.id, { ...made, logBytes })));
  } catch (error) {
    narrator.say(endText(error, context.signal));
    await log.close().catch(() => undefined);
    const logBytes = await logs.size(build.id);
    await store.transaction((tx) => tx.builds.update(build.id, { logBytes }));
    throw error;
  }
}

const endText = (error: unknown, { aborted }: AbortSignal): string => {
  if (aborted) return 'The build is ended.';
  if (!(error instanceof RefusedError)) return 'The build failed by a fault of the server, whose log has more.';
  const { detail, remedy } = error.refusal;
  return `The build failed: ${detail}${remedy === undefined ? '' : `\n${remedy}`}`;
};

/** What a build made, with its bytes stored and nothing that names them yet. */
interface Made {
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  /** undefined: the very same image is there. */
  readonly image: StoredImage | undefined;
  readonly files: readonly BuildFile[];
}

async function make(deps: BuildJobDeps, context: JobContext, build: BuildRecord, narrator: Narrator): Promise<Made> {
  const scratch = await deps.blobs.scratch('recipe');
  let made: Made | undefined;
  try {
    await deps.builder.build(await requestOf(deps, build, scratch), {
      onEvent: narrator.tell,
      signal: context.signal,
      openImage: (ref) => openImage(deps, build, ref),
      deliver: async (delivered) => {
        narrator.stage('put it into the image store');
        made = await take(deps, context, build, delivered);
      },
    });
  } finally {
    await deps.blobs.discard(scratch);
  }
  if (made === undefined) throw new Error('a build that delivered nothing');
  return made;
}

/** An image that the tenant of the build sees. */
async function openImage({ store, blobs }: BuildJobDeps, { tenant }: BuildRecord, ref: string): Promise<OpenedImage> {
  const found = await store.read((tx) => findImage(tx, tenant, ref));
  if (!found.ok) throw new RefusedError({ ...found, detail: `base.image: ${found.detail}` });
  const { digest, state } = found.value;
  if (digest === null)
    throw new RefusedError(
      refusal('image.not-ready', `base.image: ${ref} is ${state}.`, { remedy: 'Wait until it is imported.' }),
    );
  const path = blobs.localPath(digest);
  return { sha256: digest, disk: path === undefined ? { bytes: blobs.stream(digest) } : { path } };
}

async function requestOf(deps: BuildJobDeps, build: BuildRecord, scratch: string): Promise<BuildRequest> {
  const { source, release, lock } = build;
  const path = async (upload: string): Promise<string> => {
    const known = await deps.store.read((tx) => tx.uploads.get(upload));
    if (known === undefined || (await deps.uploads.size(upload)) !== known.size) throw gone(upload);
    return deps.uploads.path(upload);
  };
  const recipe: BuildRequest['recipe'] =
    source.kind === 'upload' ? { kind: 'upload', tar: await path(source.upload), path: source.path, scratch } : source;
  return { recipe, release, lock: lock === null ? null : await path(lock) };
}

/** Not by anything Drover does: a build holds its uploads until it ended. */
const gone = (id: string): RefusedError =>
  new RefusedError(
    refusal('upload.not-found', `The bytes of the upload ${id} are no longer there.`, {
      remedy: 'Upload them again, and ask for another build.',
    }),
  );

/** Moves what was made to where it stays. */
async function take(
  deps: BuildJobDeps,
  context: JobContext,
  build: BuildRecord,
  { name, version, disk, files }: MadeImage,
): Promise<Made> {
  const there = await deps.store.read((tx) => imageNamed(tx, build.tenant, name, version));
  if (there !== undefined && there.digest !== disk.sha256) throw taken(`${name}:${version}`);
  const quiet = { signal: context.signal, progress: () => undefined };
  const blob = { digest: disk.sha256, size: disk.size };
  const image = there === undefined ? await storeImage(deps, quiet, disk.path, blob) : undefined;
  for (const { path, sha256 } of files) {
    context.signal.throwIfAborted();
    await deps.blobs.adopt(path, sha256);
  }
  const named = files.map(({ name: file, sha256, size }) => ({ name: file, sha256, size }));
  return { name, version, digest: disk.sha256, image, files: named };
}

const taken = (ref: string): RefusedError =>
  new RefusedError(
    refusal('image.exists', `There is another image ${ref} already.`, {
      remedy: 'Leave `version` out of the recipe, or give it another one, or delete that image first.',
    }),
  );

/** The one moment a build has succeeded. */
async function finish(
  deps: BuildJobDeps,
  tx: Transaction,
  id: string,
  made: Made & { readonly logBytes: number },
): Promise<Record<string, unknown>> {
  const build = await tx.builds.get(id);
  if (build === undefined) throw new RefusedError(refusal('build.not-found', `The build ${id} was deleted.`));
  const at = new Date(deps.clock.now()).toISOString();
  const ref = `${made.name}:${made.version}`;
  const there = await imageNamed(tx, build.tenant, made.name, made.version);
  if (there !== undefined && there.digest !== made.digest) throw taken(ref);
  const imageId = there?.id ?? (await insertImage(deps, tx, build, made, at));
  for (const { sha256, size } of made.files) await tx.blobs.record({ digest: sha256, size }, at);
  await tx.builds.setFiles(id, made.files);
  const manifest = made.files.find(({ name }) => name === 'image.json')?.sha256 ?? null;
  const change = { state: 'succeeded', image: ref, imageId, unchanged: there !== undefined, manifest } as const;
  await tx.builds.update(id, { ...change, logBytes: made.logBytes, endedAt: at });
  const data = { recipe: build.recipe, state: 'succeeded', image: ref, unchanged: change.unchanged };
  await tx.events.append({ type: 'build.finished', at, tenant: build.tenant, subject: id, data });
  return resultOf({ ...build, ...change });
}

async function insertImage(
  { ids }: BuildJobDeps,
  tx: Transaction,
  { id, tenant, job }: BuildRecord,
  { name, version, image }: Made,
  at: string,
): Promise<string> {
  // Deleted since it was found to be the same: the next attempt stores it anew.
  if (image === undefined) throw new Error(`the image ${name}:${version} was deleted while it was built again`);
  const row = newImage({ id: ids.next('img'), tenant, name, version, job, at, build: id });
  if (!(await tx.images.insert(row))) throw taken(`${name}:${version}`);
  await recordImage(tx, row, image, at);
  return row.id;
}

async function unwind(
  deps: BuildJobDeps,
  tx: Transaction,
  id: string,
  { state, error, isGivenUp, reason }: FailedEnd,
): Promise<Record<string, unknown> | undefined> {
  const build = await tx.builds.get(id);
  if (build === undefined) return undefined;
  if (build.state === 'succeeded') return resultOf(build);
  const at = new Date(deps.clock.now()).toISOString();
  await tx.builds.update(id, { state, error, endedAt: at });
  const data = { recipe: build.recipe, state, reason };
  await tx.events.append({ type: 'build.finished', at, tenant: build.tenant, subject: id, data });
  // One that failed by no fault of its recipe may be tried again with it, until it expires as any upload does.
  if (isGivenUp) for (const upload of uploadsOf(build)) await tx.uploads.update(upload, { image: null });
  return undefined;
}

const uploadsOf = ({ source, lock }: BuildRecord): string[] => [
  ...(source.kind === 'upload' ? [source.upload] : []),
  ...(lock === null ? [] : [lock]),
];

/** Uploads that this build held, unless they were let go; first the row, then the file, which a sweep would find too. */
async function dropUploads({ store, uploads }: BuildJobDeps, id: string): Promise<void> {
  const build = await store.read((tx) => tx.builds.get(id));
  if (build === undefined || !isEnded(build)) return;
  for (const upload of uploadsOf(build)) {
    const isOurs = await store.transaction(async (tx) => {
      if ((await tx.uploads.get(upload))?.image !== id) return false;
      await tx.uploads.delete(upload);
      return true;
    });
    if (isOurs) await uploads.delete(upload);
  }
}
