import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Image, ImageSource } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { flagOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { followJob } from '../jobs.js';
import { packFolder } from '../pack-folder.js';
import { hint, show } from '../show.js';
import { createProgressBar, type ProgressBar } from '../terminal/progress.js';
import { openFile, uploadFile, type Uploading } from '../upload-file.js';
import { createUploadNotes, openLocalFile, type LocalFile } from '../uploads.js';
import { imageText } from './image.js';

/** `name:version` of an option, or made from the name of a file or URL: `2026-10-01-raspios-lite.img.xz` is `raspios-lite:2026-10-01`. */
export const nameOf = (given: string | undefined, source: string): { name: string; version: string } => {
  if (given !== undefined) {
    const [name = '', version, ...more] = given.split(':');
    if (version === undefined || version === '' || more.length > 0) {
      throw new UsageError(
        `${given} is no name of an image`,
        'Write --name name:version, for example --name raspios:2026.',
      );
    }
    return { name, version };
  }
  const stem = basename(source.split(/[?#]/, 1)[0] ?? source)
    .replace(/(\.(img|iso|raw|xz|gz|zst|zip|tar))+$/i, '')
    .toLowerCase();
  const [, date, rest] = /^(?:(\d{4}-\d{2}-\d{2})-)?(.*)$/.exec(stem) ?? [];
  const name = (rest ?? '')
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  if (name === '') throw new UsageError(`No name can be made from ${source}`, 'Give one with --name name:version.');
  return { name, version: date ?? '1' };
};

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() === true;

const noFolder = (path: string, kind: Wanted['kind']): UsageError =>
  new UsageError(
    `${path} is a folder`,
    kind === 'tars'
      ? `Pack it with its owners: tar -C ${path} --numeric-owner --xattrs -cf root.tar .`
      : 'Name the file of an image; --boot takes a folder, together with --root.',
  );

/** The files to upload; a boot folder becomes a tar first. */
const openFiles = async ({ cli }: Uploading, { kind, paths }: Wanted): Promise<LocalFile[]> => {
  const files: LocalFile[] = [];
  try {
    for (const [index, path] of paths.entries()) {
      if (!(await isFolder(path)))
        files.push(await openFile(path, 'Name a file, an http(s) URL, or a path on the server with --path.'));
      else if (kind === 'tars' && index === 0) files.push(await openFolder(path, cli.signal));
      else throw noFolder(path, kind);
    }
    return files;
  } catch (error) {
    for (const file of files) await file.close();
    throw error;
  }
};

const openFolder = async (folder: string, signal: AbortSignal): Promise<LocalFile> => {
  const packed = await packFolder(folder, signal);
  const file = await openLocalFile(packed.path);
  const close = async (): Promise<void> => {
    try {
      await file.close();
    } finally {
      await packed.dispose();
    }
  };
  return { ...file, close };
};

const uploadFiles = async (uploading: Uploading, wanted: Wanted): Promise<{ ids: string[]; files: LocalFile[] }> => {
  const files = await openFiles(uploading, wanted);
  try {
    const ids: string[] = [];
    for (const file of files) ids.push(await uploadFile(uploading, file));
    return { ids, files };
  } catch (error) {
    if (uploading.cli.signal.aborted) {
      uploading.bar.end();
      hint(uploading.cli, 'Interrupted. The same command goes on where it stopped.');
    }
    throw error;
  } finally {
    for (const file of files) await file.close();
  }
};

interface Wanted {
  readonly source: string;
  readonly kind: 'url' | 'path' | 'file' | 'tars';
  readonly paths: readonly string[];
}

const wantedOf = ({ options }: Cli, source: string | undefined): Wanted => {
  const path = textOption(options, 'path');
  const boot = textOption(options, 'boot');
  const root = textOption(options, 'root');
  if ((boot === undefined) !== (root === undefined)) {
    throw new UsageError('--boot and --root belong together', 'Give both: --boot boot-folder --root root.tar.');
  }
  const given = [source, path, boot].filter((value) => value !== undefined);
  if (given.length !== 1) {
    throw new UsageError(
      given.length === 0 ? 'There is nothing to import' : 'More than one thing to import is named',
      'Name one file, one URL, one --path, or --boot with --root.',
    );
  }
  if (boot !== undefined && root !== undefined) return { source: root, kind: 'tars', paths: [boot, root] };
  if (path !== undefined) return { source: path, kind: 'path', paths: [] };
  const text = source ?? '';
  return {
    source: text,
    kind: /^https?:\/\//.test(text) ? 'url' : 'file',
    paths: /^https?:\/\//.test(text) ? [] : [text],
  };
};

const sourceOf = ({ kind, source }: Wanted, ids: readonly string[]): ImageSource => {
  if (kind === 'url') return { kind, url: source };
  if (kind === 'path') return { kind, path: source };
  return kind === 'file' ? { kind: 'upload', upload: ids[0] ?? '' } : { kind, boot: ids[0] ?? '', root: ids[1] ?? '' };
};

const finish = async (cli: Cli, client: Client, image: Image, bar: ProgressBar): Promise<void> => {
  if (cli.options['wait'] === false || image.job === null) {
    show(cli, image, `${image.ref} is being imported.\n`);
    hint(cli, `Follow it: drover job watch ${image.job ?? ''}`);
    return;
  }
  await followJob(cli, client, image.job, bar);
  const ready = await client.images.get({ params: { ref: image.id } }, { signal: cli.signal });
  show(cli, ready, imageText(cli.io, ready));
};

/** Uploads one file and imports it, which shows the image that came of it. */
export const importFile = async (
  cli: Cli,
  client: Client,
  path: string,
  target: { readonly name: string; readonly version: string },
): Promise<void> => {
  const bar = createProgressBar(cli.io);
  const notes = createUploadNotes(cli.environment.uploadsFile);
  const wanted: Wanted = { source: path, kind: 'file', paths: [path] };
  try {
    const { ids, files } = await uploadFiles({ cli, client, notes, bar }, wanted);
    const body = { ...target, source: sourceOf(wanted, ids), shared: flagOption(cli.options, 'shared') };
    const image = await client.images.create({ body }, { signal: cli.signal });
    for (const file of files) notes.forget(client.baseUrl, file);
    if (image.job !== null) await followJob(cli, client, image.job, bar);
  } finally {
    bar.end();
  }
};

export const importImage: Action = async (cli, [source]) => {
  const wanted = wantedOf(cli, source);
  const target = nameOf(textOption(cli.options, 'name'), wanted.source);
  const client = connect(cli);
  const bar = createProgressBar(cli.io);
  const notes = createUploadNotes(cli.environment.uploadsFile);
  try {
    const { ids, files } = await uploadFiles({ cli, client, notes, bar }, wanted);
    const sha256 = textOption(cli.options, 'sha256');
    const image = await client.images.create(
      {
        body: {
          ...target,
          source: sourceOf(wanted, ids),
          shared: flagOption(cli.options, 'shared'),
          ...(sha256 === undefined ? {} : { sha256: sha256.toLowerCase() }),
        },
      },
      { signal: cli.signal },
    );
    for (const file of files) notes.forget(client.baseUrl, file);
    await finish(cli, client, image, bar);
  } finally {
    bar.end();
  }
};
