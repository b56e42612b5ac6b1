import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildFileNames, type Build, type Job } from '@drover/contract';
import { createFsBlobStore, createUploadStore } from '../../../src/adapters/blobs/index.js';
import { createBuildLogs } from '../../../src/adapters/build-logs/index.js';
import { createRecipeBook } from '../../../src/adapters/builder/index.js';
import type { SqlStore } from '../../../src/adapters/sql/index.js';
import { createBuildJob } from '../../../src/app/builds/build-job.js';
import { createBuilds } from '../../../src/app/builds/builds.js';
import { collectBuilds, type CollectDeps } from '../../../src/app/builds/collect.js';
import type { MayBuild } from '../../../src/app/builds/permission.js';
import type { ImageBuilder, MadeFile } from '../../../src/app/builds/ports.js';
import { createUploads } from '../../../src/app/images/uploads.js';
import { createEnqueue } from '../../../src/app/jobs/enqueue.js';
import { createJobs } from '../../../src/app/jobs/jobs.js';
import { createJobRunner } from '../../../src/app/jobs/runner.js';
import type { Service } from '../../../src/app/ports.js';
import { makeTenant, who } from './fleet.js';
import { valueOf } from './importer.js';
import { facts } from './records.js';
import { createTestClock, createTestLog, systemClock, testIds } from './world.js';

const timing = { leaseMs: 60_000, renewMs: 500, tickMs: 20, liveMs: 0, pollMs: 20, stopMs: 5000 };
const absent = async (): Promise<never> => Promise.reject(new Error('not in this test'));

/** What the builder of a test does. The real one needs root, a mirror and minutes: e2e/build-remote.test.ts has it. */
export type Building = ImageBuilder['build'];

const fileOf = async (folder: string, name: string, text: string): Promise<MadeFile> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return { path, sha256: createHash('sha256').update(text).digest('hex'), size: text.length };
};

/** Delivers an image `name:version` whose disk has that text. */
export const delivers =
  (folder: string, made: { readonly name?: string; readonly version: string; readonly disk: string }): Building =>
  async (_request, { deliver, onEvent }) => {
    onEvent({ kind: 'stage', number: 1, of: 1, title: 'the only one', kept: false });
    const own = await mkdtemp(join(folder, 'made-'));
    const { name = 'sign', version, disk } = made;
    const files = buildFileNames.map(async (file) => ({ name: file, ...(await fileOf(own, file, `${file} ${disk}`)) }));
    await deliver({ name, version, disk: await fileOf(own, 'disk.img', disk), files: await Promise.all(files) });
  };

export interface BuildWorldOptions {
  readonly allow?: MayBuild;
  /** Recipes of the server. */
  readonly recipes?: string;
  readonly schedules?: CollectDeps['schedules'];
}

/** Builds, uploads and jobs over one store, with files in `folder`. */
export const openBuilds = async (store: SqlStore, folder: string, options: BuildWorldOptions = {}) => {
  const { allow = 'server', recipes: recipeFolder, schedules = [] } = options;
  const clock = createTestClock(Date.now());
  const tenant = await makeTenant(store, 'default');
  const blobs = await createFsBlobStore(join(folder, 'blobs'));
  const files = await createUploadStore(join(folder, 'uploads'));
  const logs = createBuildLogs(join(folder, 'logs'));
  const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
  const settings = { maxUploadSize: 1000, uploadTtlHours: 24, defaultTenant: tenant };
  const uploads = createUploads({ store, files, clock, ids: testIds, log: createTestLog(), settings });
  const recipes = createRecipeBook(recipeFolder);
  const collect = (): Promise<void> => collectBuilds({ store, logs, clock, schedules });
  let building: Building = absent;
  const job = createBuildJob({
    ...{ store, blobs, uploads: files, logs, clock, ids: testIds, onEnded: collect },
    builder: { build: (request, how) => building(request, how) },
    inspector: {
      inspect: async () => ({
        facts: facts({ rootModes: [] }),
        tree: { version: 1, files: [], config: null, cmdline: null, kernels: [] },
      }),
    },
    initramfs: {
      ...{ recipe: async () => 'r', make: absent, compression: absent },
      ...{ makeCardPart: absent, cardRecipe: async () => 'r' },
    },
  });
  const runner: Service = createJobRunner({
    ...{ store, timing, clock: systemClock, ids: testIds, log: createTestLog() },
    ...{ handlers: [job], concurrency: 1, owner: testIds.randomHex(4) },
  });
  const builds = createBuilds({
    ...{ store, blobs, logs, recipes, enqueue, clock, ids: testIds, defaultTenant: tenant, allow },
  });
  const jobs = createJobs({ store, enqueue, again: { 'image.build': builds.again } });
  const admin = who(null);
  const get = async (id: string): Promise<Build> => valueOf(await builds.get(admin, id));
  return {
    ...{ admin, clock, uploads, files, blobs, builds, jobs, runner, tenant, logs, collect, recipes, enqueue },
    /** What the builder does from now on. */
    build: (next: Building): void => {
      building = next;
    },
    /** A whole upload of some bytes. */
    upload: async (text = 'a tar'): Promise<string> => {
      const upload = valueOf(await uploads.create(admin, { filename: 'recipe.tar', size: text.length }));
      const body = (async function* () {
        yield Buffer.from(text);
      })();
      const part = { offset: 0, final: false, body, signal: new AbortController().signal };
      valueOf(await uploads.append(admin, upload.id, part));
      return upload.id;
    },
    /** Once it has ended. */
    ended: async (id: string): Promise<Build> => {
      for (;;) {
        const build = await get(id);
        if (build.endedAt !== null) return build;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    jobOf: async ({ job: id }: Build): Promise<Job> => valueOf(await jobs.get(admin, id ?? '')),
  };
};
