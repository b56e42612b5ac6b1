import type { BootSession, SessionOutcome, TimelineEntry } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { flagOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { gather, hint, show, showList } from '../show.js';
import { agoText, bytesText, durationText } from '../terminal/format.js';
import type { Io } from '../terminal/io.js';
import { factsText } from '../terminal/table.js';
import { entryText } from '../terminal/timeline.js';
import { createNames, isShown, watchTimelines } from '../watch.js';

/** Exit code of a boot that failed. */
const bootFailed = 4;

/** How a boot ended; undefined while it goes on. One that is superseded is followed by another: the board was restarted. */
const codeOf = (entry: TimelineEntry): number | undefined => {
  if (entry.type === 'report' && entry.step === 'up' && entry.state === 'ok') return 0;
  if (entry.type !== 'session.ended' || entry.outcome === 'superseded') return undefined;
  return entry.outcome === 'up' ? 0 : bootFailed;
};

export const watch: Action = async (cli, [ref]) => {
  const client = connect(cli);
  const { signal } = cli;
  const untilUp = flagOption(cli.options, 'untilUp');
  if (untilUp && ref === undefined) throw new UsageError('--until-up needs a device', 'Name the one to wait for.');
  const device = ref === undefined ? undefined : (await client.devices.get({ params: { ref } }, { signal })).id;
  const nameOf = createNames(client, signal);
  const onLost = (): void => {
    if (!signal.aborted) hint(cli, 'The connection is lost; trying again.');
  };
  hint(cli, device === undefined ? 'Watching every board. Ctrl-C ends.' : `Watching ${ref ?? ''}. Ctrl-C ends.`);
  for await (const message of watchTimelines(client, { device, signal, onLost })) {
    if (cli.json) cli.io.out(`${JSON.stringify(message)}\n`);
    else if (isShown(cli, message.entry)) {
      cli.io.out(entryText(cli.io, device === undefined ? await nameOf(message.device) : '', message.entry));
    }
    const code = untilUp ? codeOf(message.entry) : undefined;
    if (code !== undefined) return code;
  }
  return undefined;
};

const lasted = ({ startedAt, upAt, endedAt }: BootSession): string => {
  const end = upAt ?? endedAt;
  return end === null ? '' : durationText(Date.parse(end) - Date.parse(startedAt));
};

export const sessions: Action = async (cli, [ref]) => {
  const client = connect(cli);
  const found = await gather(cli, client, 'listSessions', {
    query: {
      outcome: textOption(cli.options, 'outcome') as SessionOutcome | undefined,
      ...(ref === undefined ? {} : { device: ref }),
    },
  });
  const nameOf = createNames(client, cli.signal);
  const rows = cli.json
    ? found
    : await Promise.all(found.map(async (each) => ({ ...each, device: await nameOf(each.device) })));
  const now = Date.now();
  showList(
    cli,
    rows,
    [
      { title: 'SESSION', value: (session) => session.id },
      { title: 'DEVICE', value: (session) => session.device },
      { title: 'OUTCOME', value: (session) => session.outcome },
      { title: 'STAGE', value: (session) => session.stage },
      { title: 'STARTED', value: (session) => agoText(session.startedAt, now) },
      { title: 'TOOK', value: lasted },
      { title: 'SERVED', value: (session) => bytesText(session.bytes), right: true },
      { title: 'VERDICT', value: (session) => session.verdict?.message },
    ],
    'No boot sessions.',
  );
};

const sessionText = (io: Io, session: BootSession, name: string): string =>
  factsText(io, [
    ['session', session.id],
    ['device', name],
    ['outcome', session.outcome],
    ['stage', session.stage],
    ['started', session.startedAt],
    ['took', lasted(session)],
    ['served', bytesText(session.bytes)],
    ['address', session.address],
    ['verdict', session.verdict?.message],
    ['what to do', session.verdict?.remedy],
  ]);

const findSession = async (cli: Cli, client: Client, ref: string): Promise<BootSession> => {
  const { signal } = cli;
  if (ref.startsWith('bs_')) return client.sessions.get({ params: { id: ref } }, { signal });
  const device = await client.devices.get({ params: { ref } }, { signal });
  const page = await client.sessions.list({ query: { device: device.id, limit: 1 } }, { signal });
  const [last] = page.items;
  if (last === undefined)
    throw new UsageError(`${ref} has not booted yet`, 'Switch it on and watch: drover boot watch.');
  return last;
};

const showOne: Action = async (cli, [ref = '']) => {
  const client = connect(cli);
  const session = await findSession(cli, client, ref);
  const timeline = [];
  for await (const item of client.each('getTimeline', { params: { id: session.id } }, { signal: cli.signal }))
    timeline.push(item);
  const name = await createNames(client, cli.signal)(session.device);
  const lines = timeline.filter(({ entry }) => isShown(cli, entry)).map(({ entry }) => entryText(cli.io, '', entry));
  show(cli, { ...session, timeline }, `${sessionText(cli.io, session, name)}\n${lines.join('')}`);
};
export { showOne as show };
