import { refusal, success, type Principal, type Result, type Upload, type UploadCreate } from '@drover/contract';
import type { Clock, Ids, Log } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import type { UploadRecord, UploadStore } from './ports.js';
import { usedByImport } from './upload-use.js';

export interface UploadSettings {
  /** Bytes of one upload at most. */
  readonly maxUploadSize: number;
  readonly uploadTtlHours: number;
  /** Tenant of uploads made with a key of the whole installation. */
  readonly defaultTenant: string;
}

const hour = 3_600_000;

/** Resumable uploads: bytes that were acknowledged are on disk, whatever happens to either side afterwards. */
export function createUploads(deps: {
  store: Store;
  files: UploadStore;
  clock: Clock;
  ids: Ids;
  log: Log;
  settings: UploadSettings;
}) {
  const { store, files, clock, ids, settings } = deps;
  /** One writer an upload: a second one waits for nobody, it is refused. */
  const writing = new Set<string>();

  const expiry = (): string => new Date(clock.now() + settings.uploadTtlHours * hour).toISOString();

  const find = async (tx: Transaction, who: Principal, id: string): Promise<Result<UploadRecord>> => {
    const upload = await tx.uploads.get(id);
    if (upload !== undefined && (who.tenant === null || who.tenant === upload.tenant)) return success(upload);
    return refusal('upload.not-found', `There is no upload ${id}.`, {
      remedy: 'Begin a new one; uploads end when they are not continued.',
    });
  };

  const create = async (who: Principal, wanted: UploadCreate, also?: Also<Upload>): Promise<Result<Upload>> => {
    if ((wanted.size ?? 0) > settings.maxUploadSize) return tooLarge(settings.maxUploadSize);
    const upload: UploadRecord = {
      id: ids.next('upl'),
      tenant: who.tenant ?? settings.defaultTenant,
      filename: wanted.filename,
      size: wanted.size ?? null,
      offset: 0,
      complete: false,
      createdAt: new Date(clock.now()).toISOString(),
      expiresAt: expiry(),
      image: null,
    };
    await store.transaction(async (tx) => {
      await tx.uploads.insert(upload);
      await also?.(tx, upload);
    });
    return success(upload);
  };

  /** The file is the truth about how far an upload came: a crash may have kept more than the row says, never less. */
  const refresh = async (upload: UploadRecord, final: boolean): Promise<Upload> => {
    const offset = await files.size(upload.id);
    const size = final ? offset : upload.size;
    const change = { offset, complete: offset === size, expiresAt: expiry(), ...(size === null ? {} : { size }) };
    await store.transaction((tx) => tx.uploads.update(upload.id, change));
    return { ...upload, ...change, size };
  };

  const get = async (who: Principal, id: string): Promise<Result<Upload>> => {
    const found = await store.transaction((tx) => find(tx, who, id));
    if (!found.ok || found.value.complete || writing.has(id)) return found;
    const offset = await files.size(id);
    // A crash came between the last byte and its row.
    if (offset === found.value.size && !writing.has(id)) return success(await refresh(found.value, false));
    return success({ ...found.value, offset });
  };

  const append = async (
    who: Principal,
    id: string,
    part: { offset: number; final: boolean; body: AsyncIterable<Uint8Array>; signal: AbortSignal },
  ): Promise<Result<Upload>> => {
    if (writing.has(id))
      return refusal('upload.offset-mismatch', 'Another request is writing this upload.', {
        remedy: 'Ask for the upload and continue at its offset.',
      });
    // Held before the first wait, so that two requests cannot both pass.
    writing.add(id);
    try {
      const found = await store.transaction((tx) => find(tx, who, id));
      if (!found.ok) return found;
      const upload = found.value;
      const at = await files.size(id);
      if (upload.complete || part.offset !== at) {
        return refusal(
          'upload.offset-mismatch',
          `The upload stands at ${upload.complete ? 'its end' : at}, not at ${part.offset}.`,
          {
            remedy: 'Ask for the upload and continue at its offset.',
          },
        );
      }
      const limit = upload.size ?? settings.maxUploadSize;
      const reached = await files.append(id, at, part.body, limit, part.signal);
      return success(await refresh(upload, part.final && upload.size === null && reached >= at));
    } finally {
      writing.delete(id);
    }
  };

  const remove = async (who: Principal, id: string): Promise<Result<null>> => {
    const found = await store.transaction(async (tx) => {
      const upload = await find(tx, who, id);
      if (!upload.ok) return upload;
      const inUse = await usedByImport(tx, upload.value);
      if (inUse !== undefined) return inUse;
      await tx.uploads.delete(id);
      return upload;
    });
    if (!found.ok) return found;
    await files.delete(id);
    return success(null);
  };

  /** Drops what nobody continued, and files whose row is gone (the server fell between the two). */
  const sweep = async (): Promise<void> => {
    const now = new Date(clock.now()).toISOString();
    const expired = await store.transaction(async (tx) => {
      const old = (await tx.uploads.expired(now)).filter((upload) => !writing.has(upload.id));
      for (const upload of old) await tx.uploads.delete(upload.id);
      return old;
    });
    for (const upload of expired) await files.delete(upload.id);
    for (const id of await files.list()) {
      if (writing.has(id)) continue;
      const known = await store.transaction((tx) => tx.uploads.get(id));
      if (known === undefined) await files.delete(id);
    }
  };

  return { create, get, append, remove, sweep };
}

export type Uploads = ReturnType<typeof createUploads>;

const tooLarge = (limit: number) =>
  refusal('request.too-large', `An upload may have ${limit} bytes at most.`, {
    remedy: 'Raise images.maxUploadSize in the settings.',
    errors: [{ field: 'size', message: 'is too large' }],
  });
