import { RefusedError, refusal, success, type Principal, type Refusal, type Result } from '@drover/contract';
import type { SetSources } from '../../domain/boot-set.js';
import { cardFiles } from '../../domain/card-files.js';
import type { BlobStore } from '../blobs/ports.js';
import { createSegmentReader } from '../boot/plane/segments.js';
import { createTreeLoader, type TreeLoader } from '../boot/plane/trees.js';
import type { Log } from '../ports.js';
import type { Store } from '../store/ports.js';
import { findDevice } from '../devices/find.js';
import { bootFilesOf, setSourcesOf } from './derivatives.js';
import { cardArchive } from './card-archive.js';
import type { Derivative } from './ports.js';
import { findImageFor } from './refs.js';

interface Deps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'stat' | 'read' | 'stream'>;
  /** Of a tar, as gzip. */
  readonly compress: (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
  /** Makes what a card needs besides to update itself, where that was not done yet. */
  readonly prepareCard: (image: string) => Promise<void>;
  readonly log: Log;
  /** The server's public key, in signify's form. */
  readonly cardKey: () => Promise<string>;
  /** `http://address:port` where boards reach the boot plane; undefined when that is not known. */
  readonly bootUrl: () => string | undefined;
}

/** A file of known bytes. */
export interface DownloadedFile {
  readonly sha256: string;
  readonly size: number;
  readonly filename: string;
  stream(range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
}

/** A file that is made while it is read. */
export interface MadeFile {
  readonly filename: string;
  stream(): AsyncIterable<Uint8Array>;
}

/** What a card is to be told. */
export interface CardWanted {
  /** Instead of the address this server knows of itself. */
  readonly server?: string | undefined;
  /** Id or name of the device it is for. */
  readonly device?: string | undefined;
}

/** What is given out of images, to be written to cards. */
export interface ImageDownloads {
  /** The whole disk, as it was imported or built. */
  disk(who: Principal, ref: string): Promise<Result<DownloadedFile>>;
  /** All files of one plain FAT partition that asks this server what to boot, as a tar.gz. */
  card(who: Principal, ref: string, wanted: CardWanted): Promise<Result<MadeFile>>;
}

/** Text files of one image at a time: little is read, and rarely. */
const cacheBytes = 1024 * 1024;

export const createImageDownloads = (deps: Deps): ImageDownloads => {
  const { blobs } = deps;
  const noBackend = { tree: async (digest: string) => Promise.reject(new Error(`the boot tree ${digest} is gone`)) };
  const trees = createTreeLoader({ blobs, backend: noBackend, segments: createSegmentReader({ blobs, cacheBytes }) });
  return { disk: (...given) => disk(deps, ...given), card: (...given) => card(deps, trees, ...given) };
};

async function disk({ store, blobs }: Deps, who: Principal, ref: string): Promise<Result<DownloadedFile>> {
  const found = await store.read((tx) => findImageFor(tx, who, ref));
  if (!found.ok) return found;
  const { name, version, state, digest, size } = found.value;
  if (state !== 'ready' || digest === null || size === null) return notReady(`${name}:${version}`);
  if ((await blobs.stat(digest)) === undefined) return goneFromStorage(`${name}:${version}`);
  const filename = `${name}-${version}.img`;
  return success({ sha256: digest, size, filename, stream: (range) => blobs.stream(digest, range) });
}

async function card(
  deps: Deps,
  trees: TreeLoader,
  who: Principal,
  ref: string,
  wanted: CardWanted,
): Promise<Result<MadeFile>> {
  const { store, blobs, compress } = deps;
  const server = wanted.server ?? deps.bootUrl();
  if (server === undefined) return noServer();
  const found = await store.read(async (tx) => {
    const image = await findImageFor(tx, who, ref);
    if (!image.ok) return image;
    const device = wanted.device === undefined ? undefined : await findDevice(tx, who, wanted.device);
    return device?.ok === false ? device : success({ image: image.value, device: device?.value });
  });
  if (!found.ok) return found;
  const { image, device } = found.value;
  const key = image.facts?.rootModes.includes('sd') === true ? await deps.cardKey() : undefined;
  if (key !== undefined) await prepare(deps, image.id);
  const made = partsOf(await store.read((tx) => tx.images.derivatives(image.id)));
  if (made === undefined) return notReady(`${image.name}:${image.version}`);
  const files = cardFiles(await trees.load(made.tree), made.initramfs, {
    server,
    ...(device === undefined ? {} : { device }),
    ...(key === undefined ? {} : { key }),
  });
  const time = Math.floor(Date.parse(image.createdAt) / 1000);
  const filename = `${image.name}-${image.version}-card.tgz`;
  return success({ filename, stream: () => compress(cardArchive(blobs, files, time)) });
}

/** A board that keeps nothing on its card does without: its card is made also where Debian cannot be reached. */
async function prepare({ prepareCard, log }: Deps, image: string): Promise<void> {
  try {
    await prepareCard(image);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    log.warn({ err: error, image }, 'the archive of a card is given out without what a card needs to update itself');
  }
}

/** With what a card needs to update itself, where the image can be kept on one. */
function partsOf(derivatives: readonly Derivative[]): SetSources | undefined {
  const boot = bootFilesOf(derivatives);
  return boot && (setSourcesOf(derivatives) ?? { tree: boot.tree, initramfs: [...boot.initramfs, ...boot.wifi] });
}

const noServer = (): Refusal =>
  refusal('request.invalid', 'This server does not know at which address boards reach it.', {
    remedy: 'Set `boot.serverAddress`, or name the address.',
    errors: [{ field: 'server', message: 'is missing', remedy: 'Write it as http://192.0.2.1:8081.' }],
  });

const notReady = (ref: string): Refusal =>
  refusal('image.not-ready', `The image ${ref} is not ready.`, {
    remedy: 'See `drover image show` for what it waits for.',
  });

const goneFromStorage = (ref: string): Refusal =>
  refusal('blob.not-found', `The disk of ${ref} is gone from the storage.`, {
    remedy: 'Restore the folder `blobs` of the server from its backup, or import the image again.',
  });
