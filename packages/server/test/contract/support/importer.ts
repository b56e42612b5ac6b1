import { writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { success, type ImageSource, type Result } from '@drover/contract';
import { createFsBlobStore, createUploadStore } from '../../../src/adapters/blobs/index.js';
import type { SqlStore } from '../../../src/adapters/sql/index.js';
import { createImages } from '../../../src/app/images/images.js';
import { createImportJob } from '../../../src/app/images/import-job.js';
import type { ImageUnpacker } from '../../../src/app/images/ports.js';
import { createUploads } from '../../../src/app/images/uploads.js';
import { createEnqueue } from '../../../src/app/jobs/enqueue.js';
import { createJobs } from '../../../src/app/jobs/jobs.js';
import { createJobRunner } from '../../../src/app/jobs/runner.js';
import type { Service } from '../../../src/app/ports.js';
import { makeTenant, who } from './fleet.js';
import { facts } from './records.js';
import { createTestClock, createTestLog, systemClock, testIds } from './world.js';

/** What the unpacker of a test does with the bytes of an upload. */
export type Unpack = ImageUnpacker['unpack'];

const timing = { leaseMs: 60_000, renewMs: 500, tickMs: 20, liveMs: 0, pollMs: 20, stopMs: 5000 };
const absent = async (): Promise<never> => Promise.reject(new Error('not in this test'));

/** Writes a disk of few bytes. */
export const unpackToNothing: Unpack = async (_input, output) => {
  await writeFile(output, 'disk');
  return { digest: createHash('sha256').update('disk').digest('hex'), size: 4 };
};

/** Images, uploads and jobs over one store, with files in `folder`. What reads disks is replaced by a stand-in. */
export const openImporter = async (store: SqlStore, folder: string, unpack: Unpack = unpackToNothing) => {
  const clock = createTestClock(Date.now());
  const log = createTestLog();
  const tenant = await makeTenant(store, 'default');
  const blobs = await createFsBlobStore(join(folder, 'blobs'));
  const files = await createUploadStore(join(folder, 'uploads'));
  const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
  const settings = { maxUploadSize: 1000, uploadTtlHours: 24, defaultTenant: tenant };
  const uploads = createUploads({ store, files, clock, ids: testIds, log, settings });
  const folders = { resolve: async (path: string) => success({ path, size: 1 }) };
  const images = createImages({ store, blobs, folders, enqueue, clock, ids: testIds, defaultTenant: tenant });
  const job = createImportJob({
    store,
    blobs,
    uploads: files,
    unpacker: { unpack, download: absent, digest: absent, assemble: absent },
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
    clock,
    limits: { maxSize: 1000, maxUploadSize: 1000 },
  });
  const runner: Service = createJobRunner({
    ...{ store, timing, clock: systemClock, ids: testIds, log },
    ...{ handlers: [job], concurrency: 2, owner: testIds.randomHex(4) },
  });
  const admin = who(null);
  return {
    ...{ admin, clock, log, uploads, images, files, runner, tenant },
    jobs: createJobs({ store, enqueue, again: { 'image.import': images.importAgain } }),
    /** A whole upload of some bytes. */
    upload: async (text = 'bytes'): Promise<string> => {
      const upload = valueOf(await uploads.create(admin, { filename: 'a.img', size: text.length }));
      const part = { offset: 0, final: false, body: bytesOf(text), signal: new AbortController().signal };
      valueOf(await uploads.append(admin, upload.id, part));
      return upload.id;
    },
    importFrom: (source: ImageSource, name = 'a') =>
      images.create(admin, { name, version: '1', source, shared: false }),
  };
};

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

export const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
