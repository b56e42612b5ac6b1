import { apiBase, problemOf, type Upload } from '@drover/contract';
import type { Call } from './call.js';
import { DroverError } from './errors.js';
import type { Transport } from './transport.js';

/** Bytes that can be read again at any offset, so that an upload can go on where it stopped. */
export interface UploadSource {
  readonly size: number;
  /** Exactly the bytes from `start` to `end`, exclusive. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export interface UploadOptions {
  readonly filename: string;
  /** An upload begun earlier for the same bytes: goes on with it. */
  readonly resume?: string | undefined;
  /** Told the id as soon as there is one, to resume by after a crash of ours. */
  readonly onStart?: ((upload: Upload) => void | Promise<void>) | undefined;
  /** `done` bytes are on the server's disk. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Told when the server went away and the upload waits for it. */
  readonly onWaiting?: ((error: DroverError) => void) | undefined;
  readonly chunkSize?: number | undefined;
  /** How long to wait for a server that is away, in ms. Default ten minutes. */
  readonly patienceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const defaultChunkSize = 16 * 1024 * 1024;

/** A browser's File or any Blob as a source. */
export const blobSource = (blob: Blob): UploadSource => ({
  size: blob.size,
  read: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
});

/** What a running upload can wait out: the server restarts, or still holds the request that broke off. */
const canWait = (error: unknown): error is DroverError =>
  error instanceof DroverError && ['server.unreachable', 'server.busy', 'upload.offset-mismatch'].includes(error.code);

const shrunk = (id: string): DroverError =>
  new DroverError(
    problemOf({
      ok: false,
      code: 'upload.offset-mismatch',
      detail: `The upload ${id} is for more or fewer bytes than this file has.`,
      remedy: 'Begin a new upload.',
    }),
  );

/**
 * Uploads a source in chunks, each acknowledged only when it is on the server's disk. A connection that breaks, or a server that restarts, costs
 * the chunk that was under way and nothing more.
 */
export const uploadSource = async (
  transport: Transport,
  call: Call,
  source: UploadSource,
  options: UploadOptions,
): Promise<Upload> => {
  const { signal, chunkSize = defaultChunkSize, patienceMs = 600_000 } = options;
  const body = { filename: options.filename, size: source.size };
  let upload =
    options.resume === undefined
      ? await call('createUpload', { body }, { signal })
      : await call('getUpload', { params: { id: options.resume } }, { signal });
  if (upload.size !== source.size) throw shrunk(upload.id);
  await options.onStart?.(upload);
  options.onProgress?.(upload.offset, source.size);

  const sendChunk = async (offset: number): Promise<Upload> => {
    const bytes = await source.read(offset, Math.min(offset + chunkSize, source.size));
    const response = await transport.send({
      method: 'PATCH',
      path: `${apiBase}/uploads/${encodeURIComponent(upload.id)}?offset=${offset}`,
      headers: { 'content-type': 'application/octet-stream' },
      body: bytes,
      repeatable: false,
      signal,
    });
    return (await response.json()) as Upload;
  };

  let waited = 0;
  for (let attempt = 1; !upload.complete;) {
    try {
      upload = await sendChunk(upload.offset);
      attempt = 1;
      waited = 0;
      options.onProgress?.(upload.offset, source.size);
    } catch (error) {
      if (!canWait(error) || waited >= patienceMs) throw error;
      if (error.code !== 'upload.offset-mismatch') options.onWaiting?.(error);
      const pause = transport.backOff(attempt);
      waited += pause;
      attempt += 1;
      await transport.sleep(pause, signal);
      upload = await whereIs(call, upload, signal);
    }
  }
  return upload;
};

/** How far the server has it; as far as we knew, while it is away. */
const whereIs = async (call: Call, upload: Upload, signal: AbortSignal | undefined): Promise<Upload> => {
  try {
    return await call('getUpload', { params: { id: upload.id } }, { signal });
  } catch (error) {
    if (canWait(error)) return upload;
    throw error;
  }
};
