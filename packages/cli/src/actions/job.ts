import { errorTable, type Job, type JobKind, type JobState } from '@drover/contract';
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

const follow = async (cli: Cli, id: string): Promise<Job> => {
  const job = await followJob(cli, connect(cli), id, createProgressBar(cli.io));
  show(cli, job, jobText(cli.io, job));
  return job;
};

export const watch: Action = async (cli, [id = '']) => void (await follow(cli, id));

export const cancel: Action = async (cli, [id = '']) => {
  const job = await connect(cli).jobs.cancel({ params: { id } }, { signal: cli.signal });
  show(cli, job, `${job.id} was asked to stop.\n`);
};

/** Shows a job that was begun, and how it ended where that is waited for. */
const begun = async (cli: Cli, job: Job): Promise<Job | undefined> => {
  if (cli.options['wait'] !== false) return follow(cli, job.id);
  show(cli, job, `${job.id}\n`);
  hint(cli, `Follow it: drover job watch ${job.id}`);
  return undefined;
};

export const retry: Action = async (cli, [id = '']) =>
  void (await begun(cli, await connect(cli).jobs.retry({ params: { id } }, { signal: cli.signal })));
/** What a verification found: see verify-job in the server. */
interface Verified {
  readonly damaged: number;
  readonly absent: number;
  readonly blobs: readonly { readonly digest: string; readonly found: string; readonly images: readonly string[] }[];
}

/** Exit code of a verification that found damage, as that of blob.corrupt. */
const corrupt = errorTable['blob.corrupt'].exit;

export const verifyBlobs: Action = async (cli) => {
  const job = await begun(cli, await connect(cli).blobs.verify({}, { signal: cli.signal }));
  if (job === undefined) return 0;
  const { damaged, absent, blobs } = job.result as unknown as Verified;
  if (damaged + absent === 0) return 0;
  for (const { digest, found, images } of blobs) {
    cli.io.err(`${found}: ${digest}, needed by ${images.length === 0 ? 'nothing' : images.join(', ')}\n`);
  }
  cli.io.err(
    'Import the files of these images again under other versions: that puts the same bytes back in their place.\n',
  );
  return corrupt;
};
export const collectBlobs: Action = async (cli) =>
  void (await begun(cli, await connect(cli).blobs.collect({}, { signal: cli.signal })));
