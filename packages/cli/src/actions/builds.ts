import type { Build, JobState } from '@drover/contract';
import { flagOption, textOption, UsageError, type Action } from '../command.js';
import { connect } from '../connect.js';
import { followLog } from '../build-log.js';
import { gather, hint, show as showValue, showList } from '../show.js';
import { agoText, bytesText, durationText, safeText } from '../terminal/format.js';
import type { Io } from '../terminal/io.js';
import { factsText } from '../terminal/table.js';

const tookText = ({ startedAt, endedAt }: Build): string | null =>
  startedAt === null || endedAt === null ? null : durationText(Date.parse(endedAt) - Date.parse(startedAt));

const stateText = ({ state, unchanged }: Build): string => (unchanged ? `${state}, the image was there before` : state);

export const buildText = (io: Io, build: Build): string =>
  factsText(io, [
    ['id', build.id],
    ['recipe', build.recipe],
    ['state', stateText(build)],
    ['image', build.image],
    ['asked by', build.schedule === null ? 'the API' : `the schedule ${build.schedule}`],
    ['release', build.release ? 'yes' : 'no'],
    ['published', build.publish ? 'yes' : 'no'],
    ['pinned', build.pinned ? 'yes' : 'no'],
    ['created', build.createdAt],
    ['took', tookText(build)],
    ['log', bytesText(build.logBytes)],
    ['job', build.job],
    ['error', build.error?.detail],
    ['remedy', build.error?.remedy],
    ...build.files.map(({ name, size, sha256 }): [string, string] => [name, `${bytesText(size)}, sha256 ${sha256}`]),
  ]);

export const list: Action = async (cli) => {
  const query = {
    recipe: textOption(cli.options, 'recipe'),
    state: textOption(cli.options, 'state') as JobState | undefined,
  };
  const found = await gather(cli, connect(cli), 'listBuilds', { query });
  const now = Date.now();
  showList(
    cli,
    found,
    [
      { title: 'BUILD', value: (each) => each.id },
      { title: 'RECIPE', value: (each) => each.recipe },
      { title: 'STATE', value: (each) => each.state },
      { title: 'IMAGE', value: (each) => each.image ?? each.error?.detail ?? null },
      { title: 'BY', value: (each) => each.schedule ?? each.trigger },
      { title: 'TOOK', value: tookText, right: true },
      { title: 'CREATED', value: (each) => agoText(each.createdAt, now) },
    ],
    'No builds. Begin one: drover build RECIPE --remote',
  );
};

export const show: Action = async (cli, [id = '']) => {
  const build = await connect(cli).builds.get({ params: { id } }, { signal: cli.signal });
  showValue(cli, build, buildText(cli.io, build));
};

export const log: Action = async (cli, [id = '']) => {
  if (cli.json) throw new UsageError('A log is no JSON', 'Leave out --json.');
  const onText = (text: string): void => cli.io.out(safeText(text));
  await followLog(connect(cli), id, { follow: flagOption(cli.options, 'follow'), onText, signal: cli.signal });
};

export const cancel: Action = async (cli, [id = '']) => {
  const client = connect(cli);
  const { job } = await client.builds.get({ params: { id } }, { signal: cli.signal });
  const asked = await client.jobs.cancel({ params: { id: job ?? '' } }, { signal: cli.signal });
  showValue(cli, asked, `${id} was asked to end.\n`);
};

export const pin: Action = async (cli, [id = '']) => {
  const pinned = !flagOption(cli.options, 'off');
  const build = await connect(cli).builds.update({ params: { id }, body: { pinned } }, { signal: cli.signal });
  showValue(cli, build, `${id} is ${pinned ? 'kept' : 'no longer kept'}.\n`);
};

export const remove: Action = async (cli, [id = '']) => {
  const client = connect(cli);
  const build = await client.builds.get({ params: { id } }, { signal: cli.signal });
  await client.builds.delete({ params: { id } }, { signal: cli.signal });
  showValue(cli, { deleted: id }, `The build ${id} is deleted.\n`);
  if (build.image !== null) hint(cli, `Its image stays: drover image delete ${build.image}`);
};
