import {
  Name,
  refusal,
  success,
  type Build,
  type BuildCreate,
  type BuildFileName,
  type BuildUpdate,
  type JobState,
  type Page,
  type Principal,
  type RecipeSource,
  type Result,
} from '@drover/contract';
import { tenantFilter } from '../../domain/tenancy.js';
import type { BlobStore } from '../blobs/ports.js';
import { checkUpload } from '../images/upload-use.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Again } from '../jobs/retry.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import { findBuild, findOwnBuild, isEnded, presentBuild } from './find.js';
import { readLog } from './read-log.js';
import { refuseBuilding, type MayBuild } from './permission.js';
import type { BuildLogs, RecipeBook } from './ports.js';
import type { BuildRecord } from './records.js';

export interface BuildsDeps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'stream' | 'stat'>;
  readonly logs: BuildLogs;
  readonly recipes: RecipeBook;
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly defaultTenant: string;
  readonly allow: MayBuild;
}

/** A file to be sent. */
export interface BuildContent {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** A suggestion. */
  readonly filename: string;
  /** `start` and `end` are the first and the last byte. */
  stream(range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
}

export interface BuildQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly recipe?: string;
  readonly state?: JobState;
}

/** What people and programs do with builds. The work itself is a job: see build-job. */
export const createBuilds = (deps: BuildsDeps) => ({
  create: (who: Principal, wanted: BuildCreate, also?: Also<Build>) => create(deps, who, wanted, also),
  again: buildAgain(deps),
  get: (who: Principal, id: string): Promise<Result<Build>> => get(deps, who, id),
  list: (who: Principal, query: BuildQuery): Promise<Page<Build>> => list(deps, who, query),
  update: (who: Principal, id: string, change: BuildUpdate): Promise<Result<Build>> => update(deps, who, id, change),
  remove: (who: Principal, id: string): Promise<Result<null>> => remove(deps, who, id),
  log: (who: Principal, id: string, query: { offset: number; follow: boolean }, signal: AbortSignal) =>
    readLog(deps, who, id, query, signal),
  file: (who: Principal, id: string, name: BuildFileName): Promise<Result<BuildContent>> => file(deps, who, id, name),
});

export type Builds = ReturnType<typeof createBuilds>;

/** The image is called as the folder of its recipe is, or as the file. */
function nameOf(source: RecipeSource): Result<string> {
  if (source.kind !== 'upload') return success(source.name);
  const parts = source.path.split('/');
  const last = parts.at(-1) === 'recipe.yaml' ? parts.at(-2) : parts.at(-1);
  const name = (last ?? '').replace(/\.ya?ml$/, '');
  if (Name.safeParse(name).success) return success(name);
  return refusal('request.invalid', `The recipe would make an image called "${name}".`, {
    remedy: 'Give the folder of the recipe a name of lower-case letters, digits and hyphens.',
    errors: [{ field: 'recipe.path', message: 'gives the image no name it can have' }],
  });
}

async function create(
  deps: BuildsDeps,
  who: Principal,
  { recipe: source, release, publish, lock }: BuildCreate,
  also: Also<Build> | undefined,
): Promise<Result<Build>> {
  const refused = refuseBuilding(who, deps.allow);
  if (refused !== undefined) return refused;
  const name = nameOf(source);
  if (!name.ok) return name;
  // What is on the server can be looked at now; what was uploaded is unpacked by the job.
  const known = source.kind === 'upload' ? success([]) : await deps.recipes.chainOf(source);
  if (!known.ok) return known;
  const tenant = who.tenant ?? deps.defaultTenant;
  return deps.store.transaction(async (tx) => {
    const uploads = await checkUploads(tx, who, source, lock);
    if (!uploads.ok) return uploads;
    const asked = { source, release, publish, lock: lock ?? null, trigger: 'api', schedule: null } as const;
    const build = await beginBuild(deps, tx, { ...asked, tenant, recipe: name.value });
    for (const upload of uploads.value) await tx.uploads.update(upload, { image: build.id });
    await also?.(tx, build);
    return success(build);
  });
}

/** Uploads that the build holds until it has ended. */
async function checkUploads(
  tx: Transaction,
  who: Principal,
  source: RecipeSource,
  lock: string | undefined,
): Promise<Result<string[]>> {
  const named: [field: string, id: string][] = [
    ...(source.kind === 'upload' ? [['recipe.upload', source.upload] as [string, string]] : []),
    ...(lock === undefined ? [] : [['lock', lock] as [string, string]]),
  ];
  for (const [field, id] of named) {
    const checked = await checkUpload(tx, who, field, id);
    if (!checked.ok) return checked;
  }
  if (source.kind === 'upload' && source.upload === lock)
    return refusal('request.invalid', `The upload ${lock} cannot be both the recipe and its packages.`, {
      remedy: 'Upload both, and name each.',
      errors: [{ field: 'lock', message: 'names the same upload as recipe.upload' }],
    });
  return success(named.map(([, id]) => id));
}

/** Queues a build with its row and its event. */
export async function beginBuild(
  { enqueue, clock, ids }: Pick<BuildsDeps, 'enqueue' | 'clock' | 'ids'>,
  tx: Transaction,
  asked: Pick<BuildRecord, 'tenant' | 'recipe' | 'source' | 'lock' | 'trigger' | 'schedule' | 'release' | 'publish'>,
): Promise<Build> {
  const id = ids.next('bld');
  const at = new Date(clock.now()).toISOString();
  const job = await enqueue(tx, { kind: 'image.build', tenant: asked.tenant, subject: id, input: { build: id } });
  const build: BuildRecord = { ...blank, ...asked, id, job, createdAt: at };
  await tx.builds.insert(build);
  const data = { recipe: asked.recipe, trigger: asked.trigger, schedule: asked.schedule, job };
  await tx.events.append({ type: 'build.created', at, tenant: asked.tenant, subject: id, data });
  return presentBuild(build);
}

const blank = {
  ...{ pinned: false, state: 'queued', image: null, imageId: null, unchanged: false, manifest: null },
  ...{ logBytes: 0, error: null, startedAt: null, endedAt: null },
  files: [],
} satisfies Partial<BuildRecord>;

/** Asks again for a build that failed: as another one, for its log and its reason stay with the first. */
const buildAgain =
  (deps: BuildsDeps): Again =>
  async (who, { input }, also) => {
    const failed = await deps.store.read((tx) => findOwnBuild(tx, who, String(input['build'])));
    if (!failed.ok) return failed;
    const { source, release, publish, lock } = failed.value;
    return create(deps, who, { recipe: source, release, publish, ...(lock === null ? {} : { lock }) }, also);
  };

async function get({ store, logs }: BuildsDeps, who: Principal, id: string): Promise<Result<Build>> {
  const found = await store.read((tx) => findBuild(tx, who, id));
  if (!found.ok) return found;
  const build = presentBuild(found.value);
  return success(isEnded(build) ? build : { ...build, logBytes: await logs.size(id) });
}

async function list({ store }: BuildsDeps, who: Principal, query: BuildQuery): Promise<Page<Build>> {
  const { limit, cursor, recipe, state } = query;
  const tenant = tenantFilter(who);
  const filter = {
    ...(tenant === undefined ? {} : { tenant }),
    ...(recipe === undefined ? {} : { recipe }),
    ...(state === undefined ? {} : { state }),
  };
  const page = await store.read((tx) => tx.builds.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) }));
  return { items: page.items.map(presentBuild), next: page.next };
}

async function update(
  { store, clock }: BuildsDeps,
  who: Principal,
  id: string,
  { pinned, publish }: BuildUpdate,
): Promise<Result<Build>> {
  return store.transaction(async (tx) => {
    const found = await findOwnBuild(tx, who, id);
    if (!found.ok) return found;
    const change = { ...(pinned === undefined ? {} : { pinned }), ...(publish === undefined ? {} : { publish }) };
    await tx.builds.update(id, change);
    const { tenant, recipe } = found.value;
    const at = new Date(clock.now()).toISOString();
    await tx.events.append({ type: 'build.updated', at, tenant, subject: id, data: { recipe, ...change } });
    return success(presentBuild({ ...found.value, ...change }));
  });
}

async function remove({ store, logs, clock }: BuildsDeps, who: Principal, id: string): Promise<Result<null>> {
  const removed = await store.transaction(async (tx): Promise<Result<null>> => {
    const found = await findOwnBuild(tx, who, id);
    if (!found.ok) return found;
    const build = found.value;
    if (!isEnded(build))
      return refusal('build.unfinished', `The build ${id} is ${build.state}.`, {
        remedy: `Cancel it first: drover builds cancel ${id}`,
      });
    if (build.pinned)
      return refusal('build.pinned', `The build ${id} is pinned.`, {
        remedy: `Let it go first: drover builds pin ${id} --off`,
      });
    await forgetBuild(tx, build, new Date(clock.now()).toISOString());
    return success(null);
  });
  // A crash before this leaves a log without a build, which the next collection finds.
  if (removed.ok) await logs.delete(id);
  return removed;
}

/** Its row and its event; the files go with the next collection of blobs. */
export async function forgetBuild(tx: Transaction, build: BuildRecord, at: string): Promise<void> {
  await tx.builds.delete(build.id);
  const data = { recipe: build.recipe, image: build.image };
  await tx.events.append({ type: 'build.deleted', at, tenant: build.tenant, subject: build.id, data });
}

async function file(
  { store, blobs }: BuildsDeps,
  who: Principal,
  id: string,
  name: BuildFileName,
): Promise<Result<BuildContent>> {
  const found = await store.read((tx) => findBuild(tx, who, id));
  return found.ok ? contentOf(blobs, found.value, name) : found;
}

/** A file of a build, from the storage. */
export async function contentOf(
  blobs: Pick<BlobStore, 'stream' | 'stat'>,
  build: BuildRecord,
  name: BuildFileName,
): Promise<Result<BuildContent>> {
  const made = build.files.find((each) => each.name === name);
  if (made === undefined)
    return refusal('build.not-found', `The build ${build.id} is ${build.state} and has no file ${name}.`, {
      remedy: `See drover builds show ${build.id}`,
    });
  const { sha256, size } = made;
  if ((await blobs.stat(sha256)) === undefined)
    return refusal('blob.not-found', `The file ${name} of the build ${build.id} is gone from the storage.`, {
      remedy: 'Build it again.',
    });
  return success({ sha256, size, filename: name, stream: (range) => blobs.stream(sha256, range) });
}
