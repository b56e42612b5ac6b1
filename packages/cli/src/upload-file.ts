import { basename } from 'node:path';
import { DroverError, type Client } from '@drover/sdk';
import { UsageError, type Cli } from './command.js';
import type { ProgressBar } from './terminal/progress.js';
import { openLocalFile, type LocalFile, type UploadNotes } from './uploads.js';

export interface Uploading {
  readonly cli: Cli;
  readonly client: Client;
  readonly notes: UploadNotes;
  readonly bar: ProgressBar;
}

/** Opens a file that a user named; `remedy` says what else can be named. */
export const openFile = async (path: string, remedy: string): Promise<LocalFile> => {
  try {
    return await openLocalFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new UsageError(
      code === 'ENOENT' ? `There is no file ${path}` : `${path} cannot be read (${code ?? 'unknown'})`,
      remedy,
    );
  }
};

/** The upload begun earlier for this very file, as long as the server still has it unfinished or whole. */
const earlierUpload = async ({ client, notes, cli }: Uploading, file: LocalFile): Promise<string | undefined> => {
  const id = notes.find(client.baseUrl, file);
  if (id === undefined) return undefined;
  try {
    const upload = await client.uploads.get({ params: { id } }, { signal: cli.signal });
    return upload.size === file.size ? id : undefined;
  } catch (error) {
    if (error instanceof DroverError && error.status === 404) return undefined;
    throw error;
  }
};

/** Uploads a file, or what is left of it, and gives the id of the upload. */
export const uploadFile = async (uploading: Uploading, file: LocalFile): Promise<string> => {
  const { cli, client, notes, bar } = uploading;
  const resume = await earlierUpload(uploading, file);
  let resumed = resume !== undefined;
  const upload = await client.upload(file, {
    filename: basename(file.path).slice(0, 255),
    resume,
    signal: cli.signal,
    onStart: ({ id }) => {
      notes.put(client.baseUrl, file, id);
    },
    onProgress: (done, total) => {
      if (resumed && done > 0) bar.note(`Going on where the upload was interrupted.`);
      resumed = false;
      bar.update({ label: 'uploading', done, total, unit: 'bytes' });
    },
    onWaiting: () => {
      bar.note('The server does not answer; waiting for it.');
    },
  });
  return upload.id;
};
