import { open, readdir, rm, stat, type FileHandle } from 'node:fs/promises';
import { refusal, RefusedError, UploadId } from '@drover/contract';
import type { UploadStore } from '../../app/images/ports.js';
import { isAbsent, makeFolder, refuseWhenFull, syncFolder, writeFully } from './durable.js';
import { uploadPath } from './layout.js';

/**
 * Uploads under way, a file each in `folder`, whose parent must exist. What `append` returned is on disk for good; what came after it before a crash is
 * cut off by the next one.
 */
export const createUploadStore = async (folder: string): Promise<UploadStore> => {
  await makeFolder(folder);
  const busy = new Set<string>();
  const path = (id: string): string => uploadPath(folder, id);

  const size = async (id: string): Promise<number> => {
    try {
      return (await stat(path(id))).size;
    } catch (error) {
      if (isAbsent(error)) return 0;
      throw error;
    }
  };

  const openFor = async (id: string): Promise<FileHandle> => {
    try {
      return await open(path(id), 'r+');
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
    const handle = await open(path(id), 'wx+', 0o600);
    await syncFolder(folder);
    return handle;
  };

  return {
    append: async (id, offset, source, limit, signal) => {
      const file = path(id);
      if (busy.has(file)) throw taken(id);
      busy.add(file);
      try {
        const handle = await openFor(id);
        try {
          return await appendTo(handle, { offset, source, limit, signal });
        } finally {
          await handle.close();
        }
      } catch (error) {
        throw refuseWhenFull(error);
      } finally {
        busy.delete(file);
      }
    },
    size,
    path,
    delete: async (id) => {
      await rm(path(id), { force: true });
      await syncFolder(folder);
    },
    list: async () => (await readdir(folder)).filter((name) => UploadId.safeParse(name).success),
  };
};

const taken = (id: string): RefusedError =>
  new RefusedError(
    refusal('upload.offset-mismatch', `Another request is writing the upload ${id}`, {
      remedy: 'Ask for the upload and continue at its offset.',
    }),
  );

interface Piece {
  readonly offset: number;
  readonly source: AsyncIterable<Uint8Array>;
  /** Bytes of the whole upload at most. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * A sender that breaks off is no error: what came until then counts. A full disk and bytes beyond the limit are: then the file goes back to `offset`, so
 * that nothing is kept that was not acknowledged.
 */
const appendTo = async (handle: FileHandle, { offset, source, limit, signal }: Piece): Promise<number> => {
  const { size } = await handle.stat();
  if (size < offset) {
    throw new RefusedError(
      refusal('upload.offset-mismatch', `The upload stands at ${size}, not at ${offset}`, {
        remedy: 'Ask for the upload and continue at its offset.',
      }),
    );
  }
  if (size > offset) await handle.truncate(offset);
  const writer = { end: offset };
  try {
    await writeAll(handle, writer, { offset, source, limit, signal });
  } catch (error) {
    await handle.truncate(offset);
    await handle.sync();
    throw error;
  }
  await handle.sync();
  return writer.end;
};

const writeAll = async (handle: FileHandle, writer: { end: number }, piece: Piece): Promise<void> => {
  const chunks = piece.source[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunks.next().catch(() => undefined);
    if (next === undefined || next.done === true) return;
    if (writer.end + next.value.length > piece.limit) {
      await chunks.return?.();
      throw tooLarge(piece.limit);
    }
    await writeFully(handle, next.value, writer.end);
    writer.end += next.value.length;
    if (piece.signal?.aborted === true) {
      await chunks.return?.();
      return;
    }
  }
};

const tooLarge = (limit: number): RefusedError =>
  new RefusedError(
    refusal('request.too-large', `The upload would be longer than ${limit} bytes`, {
      remedy: 'Begin an upload of the right size; the longest one allowed is images.maxUploadSize in the settings.',
    }),
  );
