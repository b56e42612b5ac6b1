import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { BlobInfo, BlobStore } from '../../app/blobs/ports.js';
import { isAbsent, makeFolder, refuseWhenFull, syncFolder, systemCode, writeFully } from './durable.js';
import { createHandles, type Handles } from './handles.js';
import { createLayout, isDigest, type Layout } from './layout.js';
import { createKeyedLock, type KeyedLock } from './locks.js';
import { createScratch, type Scratch } from './scratch.js';
import { copySparse } from './sparse-copy.js';

/** Files kept open for reads. Boards of one fleet run few images. */
const openFiles = 64;

/** Bytes a stream reads at once. */
const streamChunk = 256 * 1024;

interface Parts {
  readonly layout: Layout;
  readonly scratch: Scratch;
  readonly handles: Handles;
  /** Whoever puts, touches or deletes a blob has it for itself, so that a delete never takes what was just put again. */
  readonly lock: KeyedLock;
}

export interface FsBlobStore extends BlobStore {
  /** Closes the files kept open. */
  close(): Promise<void>;
}

/**
 * Blobs as files below `folder`, whose parent must exist: `sha256/ab/abcdef...`, mode 0444, and `tmp` for what is being written. Nothing else may
 * write there.
 */
export const createFsBlobStore = async (folder: string): Promise<FsBlobStore> => {
  const layout = createLayout(folder);
  for (const each of [layout.root, layout.digests, layout.temporary]) await makeFolder(each);
  const parts: Parts = {
    layout,
    scratch: createScratch(layout.temporary),
    handles: createHandles(openFiles),
    lock: createKeyedLock(),
  };
  return {
    ...writing(parts),
    ...reading(parts),
    ...ageing(parts),
    scratch: parts.scratch.fresh,
    discard: parts.scratch.discard,
    sweepScratch: parts.scratch.sweep,
    close: parts.handles.close,
  };
};

const writing = (parts: Parts): Pick<BlobStore, 'put' | 'adopt'> => ({
  put: async (source, options = {}) => {
    const path = await parts.scratch.fresh('put');
    try {
      const blob = await writeHashed(path, source, options.signal);
      if (options.expected !== undefined && options.expected !== blob.digest) throw mismatch(options.expected, blob);
      await install(parts, path, blob.digest);
      return blob;
    } catch (error) {
      throw refuseWhenFull(error);
    } finally {
      await parts.scratch.discard(path);
    }
  },
  adopt: async (path, digest) => {
    parts.layout.path(digest);
    const found = await lstat(path);
    if (!found.isFile()) throw new Error('only a plain file can become a blob');
    try {
      await installFrom(parts, path, digest, found.size);
    } catch (error) {
      throw refuseWhenFull(error);
    }
    return { digest, size: found.size };
  },
});

/** Writes a new file and makes its bytes durable. */
const writeHashed = async (
  path: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<BlobInfo> => {
  const hash = createHash('sha256');
  let size = 0;
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of source) {
      signal?.throwIfAborted();
      hash.update(chunk);
      await writeFully(handle, chunk, size);
      size += chunk.length;
    }
    signal?.throwIfAborted();
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { digest: hash.digest('hex'), size };
};

const mismatch = (expected: string, actual: BlobInfo): RefusedError =>
  new RefusedError(
    refusal('image.digest-mismatch', `The bytes have sha256 ${actual.digest}, not ${expected}; nothing was stored`, {
      remedy: 'Fetch the file again, and compare with the digest its publisher gives.',
      errors: [{ field: 'sha256', message: `is ${actual.digest}` }],
    }),
  );

/**
 * Gives a finished file its name. A blob that is there already is replaced by the same bytes, which mends it should it be damaged. The moment is set anew
 * in any case: it is what tells the collector that somebody wants the blob now.
 */
const install = async ({ layout, handles, lock }: Parts, path: string, digest: string): Promise<void> =>
  lock.hold(digest, async () => {
    const target = layout.path(digest);
    const now = new Date();
    await chmod(path, 0o444);
    await utimes(path, now, now);
    await makeFolder(layout.folder(digest));
    await rename(path, target);
    await syncFolder(layout.folder(digest));
    handles.drop(target);
  });

const installFrom = async (parts: Parts, path: string, digest: string, size: number): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
    try {
      await install(parts, path, digest);
      return;
    } catch (error) {
      if (systemCode(error) !== 'EXDEV') throw error;
    }
    const copy = await parts.scratch.fresh('adopt');
    try {
      const target = await open(copy, 'wx', 0o600);
      try {
        await copySparse(handle, target, size);
        await target.sync();
      } finally {
        await target.close();
      }
      await install(parts, copy, digest);
    } finally {
      await parts.scratch.discard(copy);
    }
  } finally {
    await handle.close();
  }
  await unlink(path);
};

const absent = (digest: string): RefusedError =>
  new RefusedError(
    refusal('blob.not-found', `The blob ${digest} is not stored`, {
      remedy: 'Run `drover blob verify`, and import the image that needs it again.',
    }),
  );

type Reading = 'stat' | 'read' | 'stream' | 'verify' | 'localPath' | 'list';

const reading = ({ layout, handles }: Parts): Pick<BlobStore, Reading> => ({
  stat: async (digest) => {
    const found = await statFile(layout.path(digest));
    return found && { digest, size: found.size, modifiedAt: found.modifiedAt };
  },
  read: async (digest, offset, length) => {
    const bytes = new Uint8Array(length);
    try {
      await handles.use(layout.path(digest), async (handle) => {
        let done = 0;
        while (done < length) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) throw new Error(`the blob ${digest} ends before ${offset + length}`);
          done += bytesRead;
        }
      });
    } catch (error) {
      throw isAbsent(error) ? absent(digest) : error;
    }
    return bytes;
  },
  stream: (digest, range) =>
    createReadStream(layout.path(digest), {
      highWaterMark: streamChunk,
      ...(range === undefined ? {} : { start: range.start, end: range.end }),
    }),
  verify: async (digest, signal) => {
    const hash = createHash('sha256');
    try {
      const source = createReadStream(layout.path(digest), {
        highWaterMark: streamChunk,
        ...(signal === undefined ? {} : { signal }),
      });
      for await (const chunk of source) hash.update(chunk as Buffer);
    } catch (error) {
      if (isAbsent(error)) return 'absent';
      // A sector that cannot be read is damage as well.
      if (systemCode(error) === 'EIO') return 'damaged';
      throw error;
    }
    return hash.digest('hex') === digest ? 'sound' : 'damaged';
  },
  localPath: (digest) => layout.path(digest),
  list: async function* () {
    for (const folder of (await readdir(layout.digests)).sort()) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const digest of (await readdir(join(layout.digests, folder))).sort()) {
        if (!isDigest(digest) || !digest.startsWith(folder)) continue;
        const found = await statFile(layout.path(digest));
        if (found !== undefined) yield { digest, size: found.size, modifiedAt: found.modifiedAt };
      }
    }
  },
});

const statFile = async (path: string): Promise<{ size: number; modifiedAt: number } | undefined> => {
  try {
    const { size, mtimeMs } = await stat(path);
    return { size, modifiedAt: mtimeMs };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
};

const ageing = ({ layout, handles, lock }: Parts): Pick<BlobStore, 'touch' | 'delete'> => ({
  touch: async (digest) =>
    lock.hold(digest, async () => {
      const now = new Date();
      try {
        await utimes(layout.path(digest), now, now);
        return true;
      } catch (error) {
        if (isAbsent(error)) return false;
        throw error;
      }
    }),
  delete: async (digest, options = {}) =>
    lock.hold(digest, async () => {
      const path = layout.path(digest);
      const found = await statFile(path);
      if (found === undefined) return true;
      if (options.unlessModifiedSince !== undefined && found.modifiedAt >= options.unlessModifiedSince) return false;
      await rm(path, { force: true });
      handles.drop(path);
      await syncFolder(layout.folder(digest));
      return true;
    }),
});

/** Makes the folder that blobs and uploads live in, with parents. */
export const makeDataFolder = async (folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
};
