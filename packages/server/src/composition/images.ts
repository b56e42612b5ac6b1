import { join } from 'node:path';
import { installation } from '@drover/builder';
import { createImageInspector } from '../adapters/import/inspect.js';
import { openFileSource } from '../adapters/import/file-source.js';
import { createImageUnpacker } from '../adapters/import/unpack.js';
import { createHelperStore, createInitramfsComposer } from '@drover/initramfs';
import { createInitramfsMaker } from '../adapters/initramfs/index.js';
import { createToolRunner } from '@drover/tools';
import { createDeltaMaker } from '../adapters/deltas/index.js';
import { createRootPacker } from '../adapters/tools/index.js';
import type { Waiting } from '../app/devices/waiting.js';
import type { ImageInspector, ImageUnpacker, InitramfsMaker } from '../app/images/ports.js';
import { createSegmentReader } from '../app/boot/plane/segments.js';
import { createTreeLoader } from '../app/boot/plane/trees.js';
import { createBootSetJob } from '../app/images/boot-set-job.js';
import { makeCardParts } from '../app/images/card-parts.js';
import { createDeltaJob } from '../app/images/delta-job.js';
import { createImportJob } from '../app/images/import-job.js';
import { createBootJob, createRootJob } from '../app/images/root-job.js';
import type { EnqueueJob, JobHandler } from '../app/jobs/handler.js';
import type { Clock } from '../app/ports.js';
import type { Settings } from '../config.js';
import type { Storage } from './storage.js';

export interface ImageWork {
  /** Makes what a card made of this image needs to update itself. */
  readonly prepareCard: (image: string) => Promise<void>;
  readonly jobs: readonly JobHandler[];
  readonly initramfs: InitramfsMaker;
  readonly digest: ImageUnpacker['digest'];
  readonly inspector: ImageInspector;
}

/** Scripts that run on a board, as they lie in this installation. */
const deviceFolder = join(installation, 'device');

/** Text files of one image at a time: little is read, and rarely. */
const textCacheBytes = 1024 * 1024;

/** The jobs that turn images into what boards boot, with the programs they call. */
/** Its programs may have to be fetched from Debian first. */
const cardPartsMs = 300_000;

export const createImageWork = (
  settings: Settings,
  { store, blobs, uploads }: Storage,
  { clock, enqueue, waiting }: { clock: Clock; enqueue: EnqueueJob; waiting: Waiting },
): ImageWork => {
  const tools = createToolRunner();
  const helpers = createHelperStore({ tools, cacheDir: settings.helpers.cacheDir, now: () => clock.now() });
  const composer = createInitramfsComposer({ helpers, deviceFolder, put: (source) => blobs.put(source) });
  const initramfs = createInitramfsMaker({ composer, openSource: openFileSource });
  const packer = createRootPacker({ tools, openSource: openFileSource });
  const inspector = createImageInspector();
  const derive = { store, blobs, packer, initramfs, inspector, enqueue, clock, ...waiting };
  const deltaJob = createDeltaJob({ store, blobs, clock, maker: createDeltaMaker({ openSource: openFileSource }) });
  const unpacker = createImageUnpacker({ mayReachLocal: settings.images.localUrls });
  const importJob = createImportJob({
    store,
    blobs,
    uploads,
    unpacker,
    inspector,
    initramfs,
    clock,
    limits: settings.images,
  });
  const noBackend = { tree: async (digest: string) => Promise.reject(new Error(`the boot tree ${digest} is gone`)) };
  const segments = createSegmentReader({ blobs, cacheBytes: textCacheBytes });
  const trees = createTreeLoader({ blobs, backend: noBackend, segments });
  return {
    jobs: [importJob, createRootJob(derive), createBootJob(derive), createBootSetJob({ ...derive, trees }), deltaJob],
    prepareCard: (image: string) =>
      makeCardParts({ store, clock, initramfs }, image, {
        progress: () => undefined,
        signal: AbortSignal.timeout(cardPartsMs),
      }),
    initramfs,
    inspector,
    digest: (path, options) => unpacker.digest(path, options),
  };
};
