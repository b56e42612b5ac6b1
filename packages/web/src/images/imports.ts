import type { Image, Upload } from '@drover/contract';
import { DroverError, type UploadOptions } from '@drover/sdk';
import { useSyncExternalStore } from 'react';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { createUploadNotes } from './upload-notes.js';

/** An upload from this browser, which goes on while somebody looks at other pages. */
export interface Importing {
  readonly id: number;
  readonly ref: string;
  readonly file: string;
  readonly done: number;
  readonly total: number;
  /** `waiting`: the server is away; the upload goes on where it stood. */
  readonly state: 'uploading' | 'waiting' | 'failed';
  readonly error: unknown;
}

let imports: readonly Importing[] = [];
let next = 1;
const running = new Map<number, AbortController>();
const listeners = new Set<() => void>();

const change = (all: readonly Importing[]): void => {
  imports = all;
  for (const listener of listeners) listener();
};
const update = (id: number, changes: Partial<Importing>): void => {
  change(imports.map((each) => (each.id === id ? { ...each, ...changes } : each)));
};
const forget = (id: number): void => {
  running.delete(id);
  change(imports.filter((each) => each.id !== id));
};

/** While bytes are on their way, closing the page asks first. */
const guard = (event: BeforeUnloadEvent): void => {
  event.preventDefault();
};
const guardWhileRunning = (): void => {
  if (running.size > 0) window.addEventListener('beforeunload', guard);
  else window.removeEventListener('beforeunload', guard);
};

const created = (image: Image): void => {
  queryClient.setQueryData<Image[]>(['images'], (known) => (known === undefined ? known : [image, ...known]));
  void queryClient.invalidateQueries({ queryKey: ['images'] });
};

const notes = createUploadNotes(() => localStorage);

/** An upload that the server does not have any more, or that another key began. */
const isGone = (error: unknown): boolean => error instanceof DroverError && error.code === 'upload.not-found';

/** Goes on with an upload of the same file that a page before this one began. */
const send = async (
  file: File,
  signal: AbortSignal,
  on: Pick<UploadOptions, 'onStart' | 'onProgress' | 'onWaiting'>,
): Promise<Upload> => {
  const options = { ...on, filename: file.name, chunkSize: 8 * 1024 * 1024, signal };
  const resume = notes.find(file);
  try {
    return await client.upload(file, { ...options, resume });
  } catch (error) {
    if (resume === undefined || !isGone(error)) throw error;
    return await client.upload(file, options);
  }
};

export const importFile = async (file: File, { name, version }: { name: string; version: string }): Promise<void> => {
  const id = next++;
  const stop = new AbortController();
  const { signal } = stop;
  running.set(id, stop);
  guardWhileRunning();
  const ref = `${name}:${version}`;
  change([...imports, { id, ref, file: file.name, done: 0, total: file.size, state: 'uploading', error: undefined }]);
  let upload: string | undefined;
  try {
    const uploaded = await send(file, signal, {
      onStart: (begun) => {
        upload = begun.id;
        notes.put(file, begun.id);
      },
      onProgress: (done) => {
        update(id, { done, state: 'uploading' });
      },
      onWaiting: () => {
        update(id, { state: 'waiting' });
      },
    });
    const source = { kind: 'upload', upload: uploaded.id } as const;
    created(await client.images.create({ body: { name, version, source } }, { signal }));
    notes.forget(file);
    forget(id);
  } catch (error) {
    if (signal.aborted) {
      notes.forget(file);
      if (upload !== undefined) await client.uploads.delete({ params: { id: upload } }).catch(() => undefined);
      forget(id);
    } else {
      running.delete(id);
      update(id, { state: 'failed', error });
    }
  } finally {
    guardWhileRunning();
  }
};

export const importUrl = async (url: string, { name, version }: { name: string; version: string }): Promise<void> => {
  created(await client.images.create({ body: { name, version, source: { kind: 'url', url } } }));
};

/** Breaks an upload off, and takes away what the server has of it. */
export const cancelImport = (id: number): void => {
  const known = running.get(id);
  if (known === undefined) forget(id);
  else known.abort();
};

export const useImports = (): readonly Importing[] =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    () => imports,
  );
