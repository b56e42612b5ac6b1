import type { Job, JobKind, JobState } from '@drover/contract';
import { textOption, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { followJob } from '../jobs.js';
import { gather, hint, show, showList } from '../show.js';
import { agoText, bytesText } from '../terminal/format.js';
import type { Io } from '../terminal/io.js';
import { createProgressBar } from '../terminal/progress.js';
import { factsText } from '../terminal/table.js';

const progressText = ({ progress }: Job): string => {
  if (progress === null) return '';
  const { step, done, total, unit } = progress;
  const amounts = [done, total]
    .filter((value) => value !== null)
    .map((value) => (unit === 'bytes' ? bytesText(value) : String(value)));
  return `${step} ${amounts.join(' of ')}${unit === 'bytes' ? '' : ` ${unit}`}`;
};

const jobText = (io: Io, job: Job): string =>
  factsText(io, [
    ['id', job.id],
    ['kind', job.kind],
    ['about', job.subject],
    ['state', job.cancelRequested && job.endedAt === null ? `${job.state}, asked to stop` : job.state],
    ['progress', progressText(job)],
    ['attempts', job.attempts],
    ['created', job.createdAt],
    ['ended', job.endedAt],
    ['error', job.error?.detail],
    ['remedy', job.error?.remedy],
    ['result', job.result === null ? null : JSON.stringify(job.result)],
  ]);

export const list: Action = async (cli) => {
  const query = {
    state: textOption(cli.options, 'state') as JobState | undefined,
    kind: textOption(cli.options, 'kind') as JobKind | undefined,
  };
  const jobs = await gather(cli, connect(cli), 'listJobs', { query });
  const now = Date.now();
  showList(
    cli,
    jobs,
    [
      { title: 'JOB', value: (job) => job.id },
      { title: 'KIND', value: (job) => job.kind },
      { title: 'STATE', value: (job) => job.state },
      { title: 'PROGRESS', value: (job) => job.error?.detail ?? progressText(job) },
      { title: 'CREATED', value: (job) => agoText(job.createdAt, now) },
    ],
    'No jobs.',
  );
};

const showOne: Action = async (cli, [id = '']) => {
  const job = await connect(cli).jobs.get({ params: { id } }, { signal: cli.signal });
  show(cli, job, jobText(cli.io, job));
};
export { showOne as show };

const follow = async (cli: Cli, id: string): Promise<void> => {
  const job = await followJob(cli, connect(cli), id, createProgressBar(cli.io));
  show(cli, job, jobText(cli.io, job));
};

export const watch: Action = async (cli, [id = '']) => follow(cli, id);

export const cancel: Action = async (cli, [id = '']) => {
  const job = await connect(cli).jobs.cancel({ params: { id } }, { signal: cli.signal });
  show(cli, job, `${job.id} was asked to stop.\n`);
};

const begun = async (cli: Cli, job: Job): Promise<void> => {
  if (cli.options['wait'] !== false) return follow(cli, job.id);
  show(cli, job, `${job.id}\n`);
  hint(cli, `Follow it: drover job watch ${job.id}`);
};

export const retry: Action = async (cli, [id = '']) =>
  begun(cli, await connect(cli).jobs.retry({ params: { id } }, { signal: cli.signal }));
export const verifyBlobs: Action = async (cli) =>
  begun(cli, await connect(cli).blobs.verify({}, { signal: cli.signal }));
export const collectBlobs: Action = async (cli) =>
  begun(cli, await connect(cli).blobs.collect({}, { signal: cli.signal }));
