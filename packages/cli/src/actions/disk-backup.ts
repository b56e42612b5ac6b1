import { BackupId, type BackupFormat, type BodyOf, type DiskBackup } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { flagOption, textOption, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { downloadFile, refuseExisting } from '../download-file.js';
import { followJob } from '../jobs.js';
import { gather, hint, show, showList } from '../show.js';
import { agoText, bytesText } from '../terminal/format.js';
import type { Io } from '../terminal/io.js';
import { createProgressBar } from '../terminal/progress.js';
import { factsText } from '../terminal/table.js';
import { openFile, uploadFile } from '../upload-file.js';
import { createUploadNotes } from '../uploads.js';
import { showWorked, sizeOf } from './disk.js';

const backupText = (io: Io, backup: DiskBackup): string =>
  factsText(io, [
    ['id', backup.id],
    ['disk', `${backup.diskName} (${backup.disk})`],
    ['state', backup.state],
    ['format', backup.format],
    ['disk size', bytesText(backup.size)],
    ['file size', backup.bytes === null ? null : bytesText(backup.bytes)],
    ['sha256', backup.sha256],
    ['job', backup.job],
  ]);

/** `drover disk backup`: made on the server; with `--output` fetched, and then, unless it is to be kept, deleted there. */
export const backup: Action = async (cli, [ref = '']) => {
  const client = connect(cli);
  const output = textOption(cli.options, 'output');
  const body: BodyOf<'createBackup'> = { format: (textOption(cli.options, 'format') ?? 'qcow2') as BackupFormat };
  if (output !== undefined) await refuseExisting(output);
  const begun = await client.backups.create({ params: { ref }, body }, { signal: cli.signal });
  if (begun.job !== null && (output !== undefined || cli.options['wait'] !== false))
    await followJob(cli, client, begun.job, createProgressBar(cli.io));
  else if (begun.job !== null) hint(cli, `Follow it: drover job watch ${begun.job}`);
  const made = await client.backups.get({ params: { id: begun.id } }, { signal: cli.signal });
  if (output !== undefined) {
    await fetchTo(cli, client, made, output);
    if (!flagOption(cli.options, 'keep')) await client.backups.delete({ params: { id: made.id } });
  }
  show(cli, made, backupText(cli.io, made));
};

export const fetchBackup: Action = async (cli, [id = '']) => {
  const client = connect(cli);
  const found = await client.backups.get({ params: { id } }, { signal: cli.signal });
  const output = textOption(cli.options, 'output') ?? `${found.diskName}.${found.format === 'raw' ? 'img' : 'qcow2'}`;
  await refuseExisting(output);
  await fetchTo(cli, client, found, output);
  show(
    cli,
    { ...found, file: output },
    `${output} has ${bytesText(found.bytes ?? 0)}, sha256 ${found.sha256 ?? ''}.\n`,
  );
};

const fetchTo = (cli: Cli, client: Client, { id, sha256 }: DiskBackup, path: string): Promise<number> =>
  downloadFile(cli, (options) => client.download('getBackupContent', { params: { id } }, options), { path, sha256 });

export const backups: Action = async (cli, [ref]) => {
  const client = connect(cli);
  const disk =
    ref === undefined || /^dsk_/.test(ref)
      ? ref
      : (await client.disks.get({ params: { ref } }, { signal: cli.signal })).id;
  const found = await gather(cli, client, 'listBackups', { query: { disk } });
  const now = Date.now();
  showList(
    cli,
    found,
    [
      { title: 'ID', value: (each) => each.id },
      { title: 'DISK', value: (each) => each.diskName },
      { title: 'STATE', value: (each) => each.state },
      { title: 'FORMAT', value: (each) => each.format },
      { title: 'DISK SIZE', value: (each) => bytesText(each.size), right: true },
      { title: 'FILE', value: (each) => (each.bytes === null ? null : bytesText(each.bytes)), right: true },
      { title: 'MADE', value: (each) => agoText(each.createdAt, now) },
    ],
    'No backups. Make one: drover disk backup NAME',
  );
};

export const deleteBackup: Action = async (cli, [id = '']) => {
  await connect(cli).backups.delete({ params: { id } }, { signal: cli.signal });
  show(cli, { deleted: id }, `The backup ${id} is deleted.\n`);
};

/** A new disk with the content of a backup on the server, or of a local file. */
export const restore: Action = async (cli, [source = '']) => {
  const client = connect(cli);
  const size = textOption(cli.options, 'size');
  const shape = { name: textOption(cli.options, 'name'), ...(size === undefined ? {} : { size: sizeOf(size) }) };
  if (BackupId.safeParse(source).success) {
    const body = { ...shape, backup: source };
    return showWorked(cli, await client.disks.create({ body }, { signal: cli.signal }));
  }
  const notes = createUploadNotes(cli.environment.uploadsFile);
  const bar = createProgressBar(cli.io);
  const file = await openFile(source, 'Name a qcow2 or raw file, or a backup of the server: drover disk backups.');
  try {
    const upload = await uploadFile({ cli, client, notes, bar }, file);
    bar.end();
    const disk = await client.disks.create({ body: { ...shape, upload } }, { signal: cli.signal });
    notes.forget(client.baseUrl, file);
    await showWorked(cli, disk);
  } catch (error) {
    bar.end();
    if (cli.signal.aborted) hint(cli, 'Interrupted. The same command goes on where the upload stopped.');
    throw error;
  } finally {
    await file.close();
  }
};
