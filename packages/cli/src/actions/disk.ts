import { DiskCheck, type BodyOf, type Disk, type DiskRole, type DiskSnapshot, type Job } from '@drover/contract';
import { textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { followJob } from '../jobs.js';
import { gather, hint, show, showList } from '../show.js';
import { agoText, bytesText } from '../terminal/format.js';
import type { Io } from '../terminal/io.js';
import { createProgressBar } from '../terminal/progress.js';
import { factsText } from '../terminal/table.js';

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `8G`, `512M`, `1.5T`, or bytes. Powers of 1024, as qemu-img takes them. */
export const sizeOf = (text: string): number => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
  const size = Number(number) * (units[unit.toUpperCase()] ?? 1);
  if (number === '' || !Number.isSafeInteger(size) || size <= 0)
    throw new UsageError(`"${text}" is not a size`, 'Write 8G, 512M or a number of bytes.');
  return size;
};

const kindText = ({ clone }: Disk): string => (clone === null ? 'directory' : `directory, by ${clone}`);

const attachedText = ({ attachments }: Disk): string | null =>
  attachments.length === 0
    ? null
    : attachments
        .map(({ device, access, state }) => `${device} (${state === 'detaching' ? state : access})`)
        .join(', ');

const diskText = (io: Io, disk: Disk): string =>
  factsText(io, [
    ['name', disk.name],
    ['id', disk.id],
    ['state', disk.stateReason === null ? disk.state : `${disk.state}: ${disk.stateReason}`],
    ['role', disk.role],
    ['device', disk.device],
    ['attached to', attachedText(disk)],
    ['image', disk.image],
    ['size', bytesText(disk.size)],
    ...(disk.kind === 'block'
      ? []
      : ([
          ['kind', kindText(disk)],
          ['mounted from', disk.nfs],
        ] as const)),
    ...(disk.deleteAt === null
      ? []
      : ([['deleted at', `${disk.deleteAt}, unless it is kept (drover disk keep)`]] as const)),
    ['on the server', disk.ownBytes === null ? null : bytesText(disk.ownBytes)],
    ['job', disk.job],
    ['tenant', disk.tenant],
  ]);

export const list: Action = async (cli) => {
  const query = {
    device: textOption(cli.options, 'device'),
    role: textOption(cli.options, 'role') as DiskRole | undefined,
  };
  const disks = await gather(cli, connect(cli), 'listDisks', { query });
  const now = Date.now();
  showList(
    cli,
    disks,
    [
      { title: 'NAME', value: (disk) => disk.name },
      { title: 'STATE', value: (disk) => disk.state },
      { title: 'SIZE', value: (disk) => bytesText(disk.size), right: true },
      { title: 'OWN', value: (disk) => (disk.ownBytes === null ? null : bytesText(disk.ownBytes)), right: true },
      { title: 'ROLE', value: (disk) => disk.role },
      {
        title: 'DEVICE',
        value: (disk) => disk.device ?? (disk.attachments.map(({ device }) => device).join(',') || null),
      },
      { title: 'CREATED', value: (disk) => agoText(disk.createdAt, now) },
    ],
    'No disks. Make one: drover disk create --size 8G',
  );
};

const showOne: Action = async (cli, [ref = '']) => {
  const disk = await connect(cli).disks.get({ params: { ref } }, { signal: cli.signal });
  show(cli, disk, diskText(cli.io, disk));
};
export { showOne as show };

/** Follows the job behind an answer; undefined when nobody waits for it. */
const follow = async (cli: Cli, job: string | null): Promise<Job | undefined> => {
  if (job === null) return undefined;
  if (cli.options['wait'] !== false) return followJob(cli, connect(cli), job, createProgressBar(cli.io));
  hint(cli, `Follow it: drover job watch ${job}`);
  return undefined;
};

/** The disk as it is when the work on it has ended. */
export const showWorked = async (cli: Cli, begun: Disk): Promise<void> => {
  const job = await follow(cli, begun.job);
  const disk =
    job === undefined ? begun : await connect(cli).disks.get({ params: { ref: begun.id } }, { signal: cli.signal });
  show(cli, disk, diskText(cli.io, disk));
};

export const create: Action = async (cli) => {
  const { options } = cli;
  const size = textOption(options, 'size');
  const body: BodyOf<'createDisk'> = {
    name: textOption(options, 'name'),
    image: textOption(options, 'image'),
    snapshot: textOption(options, 'snapshot'),
    ...(size === undefined ? {} : { size: sizeOf(size) }),
  };
  if (body.size === undefined && body.image === undefined && body.snapshot === undefined)
    throw new UsageError('What to make is not said', 'Give --size, --image or --snapshot.');
  await showWorked(cli, await connect(cli).disks.create({ body }, { signal: cli.signal }));
};

const change = async (cli: Cli, ref: string, body: BodyOf<'updateDisk'>): Promise<void> =>
  showWorked(cli, await connect(cli).disks.update({ params: { ref }, body }, { signal: cli.signal }));

export const resize: Action = (cli, [ref = '', size = '']) => change(cli, ref, { size: sizeOf(size) });
export const rename: Action = (cli, [ref = '', name = '']) => change(cli, ref, { name });

export const keep: Action = (cli, [ref = '']) => change(cli, ref, { deleteAt: null });

export const flatten: Action = async (cli, [ref = '']) =>
  showWorked(cli, await connect(cli).disks.flatten({ params: { ref } }, { signal: cli.signal }));

export const remove: Action = async (cli, [ref = '']) => {
  const snapshots = cli.options['withSnapshots'] === true;
  const query = { snapshots: snapshots ? 'true' : 'false' } as const;
  const disk = await connect(cli).disks.delete({ params: { ref }, query }, { signal: cli.signal });
  await follow(cli, disk.job);
  show(cli, { deleted: disk.id }, `${disk.name} is deleted.\n`);
};

export const check: Action = async (cli, [ref = '']) => {
  const disk = await connect(cli).disks.check({ params: { ref } }, { signal: cli.signal });
  const job = await follow(cli, disk.job);
  if (job === undefined) return 0;
  const { files } = DiskCheck.parse(job.result);
  const damaged = files.filter(({ problem, report }) => problem !== null || (report?.corruptions ?? 0) > 0);
  const lines = files.map(
    ({ file, problem, report }) =>
      `${file}: ${problem ?? (report?.corruptions ? `${report.corruptions} errors` : 'no errors')}\n`,
  );
  show(cli, job.result, lines.join(''));
  return damaged.length === 0 ? 0 : 1;
};

export const snapshots: Action = async (cli, [ref = '']) => {
  const { items } = await connect(cli).disks.snapshots({ params: { ref } }, { signal: cli.signal });
  const now = Date.now();
  showList(
    cli,
    items,
    [
      { title: 'NAME', value: (snapshot) => snapshot.name },
      { title: 'ID', value: (snapshot) => snapshot.id },
      { title: 'STATE', value: (snapshot) => snapshot.state },
      { title: 'SIZE', value: (snapshot) => bytesText(snapshot.size), right: true },
      { title: 'TAKEN', value: (snapshot) => agoText(snapshot.createdAt, now) },
    ],
    'No snapshots. Take one: drover disk snapshot NAME',
  );
};

const snapshotText = (io: Io, snapshot: DiskSnapshot): string =>
  factsText(io, [
    ['name', snapshot.name],
    ['id', snapshot.id],
    ['disk', snapshot.disk],
    ['size', bytesText(snapshot.size)],
  ]);

export const takeSnapshot: Action = async (cli, [ref = '']) => {
  const body = { name: textOption(cli.options, 'name') };
  const taken = await connect(cli).disks.takeSnapshot({ params: { ref }, body }, { signal: cli.signal });
  await follow(cli, taken.job);
  show(cli, taken, snapshotText(cli.io, taken));
};

export const deleteSnapshot: Action = async (cli, [ref = '', snapshot = '']) => {
  const gone = await connect(cli).disks.deleteSnapshot({ params: { ref, snapshot } }, { signal: cli.signal });
  await follow(cli, gone.job);
  show(cli, { deleted: gone.id }, `The snapshot ${gone.name} is deleted.\n`);
};
