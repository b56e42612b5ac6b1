import { refusal, success, type Principal, type Refusal, type Result } from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import type { BlobStore } from '../blobs/ports.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Store } from '../store/ports.js';
import { bootSetOf, ensureBootSet } from './boot-set-job.js';
import type { DownloadedFile } from './downloads.js';
import { findImageFor } from './refs.js';

/** Sets of boot files, for who makes self-updating cards. */
export interface BootSetDownloads {
  /** Has the set made unless it is there; `job` is what makes it. */
  prepare(who: Principal, ref: string): Promise<Result<{ readonly job: string | null }>>;
  /** The archive of the set. Refuses with image.not-ready until it is made. */
  archive(who: Principal, ref: string): Promise<Result<DownloadedFile>>;
}

interface Deps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'stream'>;
  readonly enqueue: EnqueueJob;
}

export const createBootSetDownloads = ({ store, blobs, enqueue }: Deps): BootSetDownloads => ({
  prepare: async (who, ref) => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    return store.transaction(async (tx) => {
      const image = await findImageFor(tx, who, ref);
      if (!image.ok) return image;
      if (image.value.state !== 'ready') return notReady(`${image.value.name}:${image.value.version}`);
      const made = await ensureBootSet({ enqueue }, tx, image.value);
      return success({ job: made === 'ready' ? null : made.job });
    });
  },
  archive: async (who, ref) => {
    const found = await store.read(async (tx) => {
      const image = await findImageFor(tx, who, ref);
      return image.ok ? success({ image: image.value, set: await bootSetOf(tx, image.value.id) }) : image;
    });
    if (!found.ok) return found;
    const { image, set } = found.value;
    if (set === undefined) return notMade(`${image.name}:${image.version}`);
    const { digest, size } = set.archive;
    const filename = `${image.name}-${image.version}-boot-set.tar`;
    return success({ sha256: digest, size, filename, stream: (range) => blobs.stream(digest, range) });
  },
});

const notReady = (ref: string): Refusal =>
  refusal('image.not-ready', `The image ${ref} is not ready.`, {
    remedy: 'See `drover image show` for what it waits for.',
  });

const notMade = (ref: string): Refusal =>
  refusal('image.not-ready', `The boot files of ${ref} for cards are not made yet.`, {
    remedy: 'Have them made: POST /api/v2/images/{ref}/boot-set.',
  });
