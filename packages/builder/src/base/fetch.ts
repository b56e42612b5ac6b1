import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { refusal, RefusedError } from '@drover/contract';
import { detectContainer, type ContainerFormat } from '@drover/disk-image';
import type { ToolRunner } from '@drover/tools';
import type { RecipeBase } from '../recipe/recipe.js';
import type { BuildStore } from '../store/build-store.js';

/** The disk of an image: a file of this machine, which is read where it is, or a stream. */
export interface ServerImage {
  readonly sha256: string;
  readonly disk: { readonly path: string } | { readonly bytes: AsyncIterable<Uint8Array> };
}

/** Images of a server, for recipes that begin with one. */
export interface ServerImages {
  /** Throws RefusedError. */
  open(ref: string, signal: AbortSignal): Promise<ServerImage>;
}

export interface FetchDeps {
  readonly tools: ToolRunner;
  /** Where disks of images are kept, by digest. */
  readonly store: Pick<BuildStore, 'base' | 'bases'>;
  /** Of this build. */
  readonly folder: string;
  readonly images: ServerImages | undefined;
  readonly signal: AbortSignal;
  readonly onOutput: (chunk: Uint8Array) => void;
}

/** A disk that is here. */
export interface FetchedBase {
  readonly sha256: string;
  readonly path: string;
}

const noServer = new RefusedError(
  refusal('request.invalid', 'base.image: this build knows no server that has images.', {
    remedy: 'Log in on one (drover context add), or name the image by base.url and base.sha256.',
  }),
);

const notThere = (url: string, why: string): RefusedError =>
  new RefusedError(
    refusal('image.source-unreachable', `base.url: ${url} cannot be fetched: ${why}.`, {
      remedy: 'Look at the address, and try again.',
    }),
  );

/** Programs that decompress to their output, with the file last. */
const decompressors: Readonly<Partial<Record<ContainerFormat, readonly string[]>>> = {
  gz: ['gzip', '-dc', '--'],
  xz: ['xz', '-dc', '-T0', '--'],
  zst: ['zstd', '-dc', '-q', '--'],
  bz2: ['bzip2', '-dc', '--'],
  zip: ['unzip', '-p'],
};

async function* download(url: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  // Also in the middle: then the connection broke.
  const broken = (fault: Error): never => {
    signal.throwIfAborted();
    throw notThere(url, fault.cause instanceof Error ? fault.cause.message : fault.message);
  };
  const response = await fetch(url, { signal }).catch(broken);
  if (!response.ok || response.body === null)
    throw notThere(url, `the server says ${response.status} ${response.statusText}`);
  try {
    yield* response.body as unknown as AsyncIterable<Uint8Array>;
  } catch (fault) {
    broken(fault as Error);
  }
}

/** Writes a stream into a file and says its sha256. */
async function receive(bytes: AsyncIterable<Uint8Array>, path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const hashed = async function* (): AsyncIterable<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashed(), createWriteStream(path), { signal });
  return hash.digest('hex');
}

/** The disk in a file that may be compressed; that file is used up. */
async function unpack(path: string, { tools, folder, signal }: FetchDeps): Promise<string> {
  const file = await open(path, 'r');
  const head = Buffer.alloc(64 * 1024);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  await file.close();
  const command = decompressors[detectContainer(head.subarray(0, bytesRead))];
  if (command === undefined) return path;
  const disk = join(folder, 'base.img');
  await tools.run('sh', ['-euc', 'out=$1; shift; "$@" >"$out"', 'sh', disk, ...command, path], { signal });
  await rm(path);
  return disk;
}

const wrongDigest = (expected: string, found: string): RefusedError =>
  new RefusedError(
    refusal('image.digest-mismatch', `base: what was fetched has sha256 ${found}, not ${expected}.`, {
      remedy: 'Compare base.sha256 with what the publisher of the image says.',
    }),
  );

async function keep(path: string, into: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, into);
}

/** Brings a disk here, unless it is here from an earlier build. */
async function take(sha256: string, bytes: () => AsyncIterable<Uint8Array>, deps: FetchDeps): Promise<FetchedBase> {
  const { store, folder, signal } = deps;
  const kept = await store.base(sha256);
  if (kept !== undefined) return { sha256, path: kept };
  const arriving = join(folder, 'base.arriving');
  const found = await receive(bytes(), arriving, signal);
  if (found !== sha256) throw wrongDigest(sha256, found);
  const path = join(store.bases, `${sha256}.img`);
  await keep(await unpack(arriving, deps), path);
  return { sha256, path };
}

/** The disk of a base image, as a file of this machine. */
export async function fetchBase(base: Exclude<RecipeBase, { kind: 'suite' }>, deps: FetchDeps): Promise<FetchedBase> {
  const { images, signal } = deps;
  if (base.kind === 'url') return take(base.sha256, () => download(base.url, signal), deps);
  if (images === undefined) throw noServer;
  const { sha256, disk } = await images.open(base.image, signal);
  return 'path' in disk ? { sha256, path: disk.path } : take(sha256, () => disk.bytes, deps);
}
