import { createClient } from '@drover/sdk';
import { textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect, serverUrl, targetOf } from '../connect.js';
import { putContext, readContexts, writeContexts } from '../contexts.js';
import { show, showList } from '../show.js';
import { askSecret } from '../terminal/ask.js';
import { factsText } from '../terminal/table.js';

export const login: Action = async (cli, [text = '']) => {
  const server = serverUrl(text);
  const key = textOption(cli.options, 'key') ?? cli.environment.key ?? (await askSecret(cli, 'API key: '));
  if (key === '') throw new UsageError('No key was given', 'An administrator makes one with `drover key create`.');
  const principal = await createClient({ baseUrl: server, key, attempts: 1 }).server.whoAmI({}, { signal: cli.signal });
  const name = textOption(cli.options, 'name') ?? new URL(server).hostname;
  putContext(cli.environment.contextFile, name, { server, key }, true);
  show(
    cli,
    { context: name, server, ...principal },
    `${server} as ${principal.name} (${principal.role}), stored as ${name} in ${cli.environment.contextFile}\n`,
  );
};

export const list: Action = async (cli) => {
  const { contexts, current } = readContexts(cli.environment.contextFile);
  const rows = Object.entries(contexts).map(([name, { server }]) => ({ name, server, current: name === current }));
  showList(
    cli,
    rows,
    [
      { title: ' ', value: (row) => (row.current ? '*' : ' ') },
      { title: 'NAME', value: (row) => row.name },
      { title: 'SERVER', value: (row) => row.server },
    ],
    'No contexts. Make one with `drover login`.',
  );
};

const known = (cli: Cli, name: string): ReturnType<typeof readContexts> => {
  const all = readContexts(cli.environment.contextFile);
  if (all.contexts[name] !== undefined) return all;
  throw new UsageError(`There is no context ${name}`, 'See `drover context list`.');
};

export const use: Action = async (cli, [name = '']) => {
  const { contexts } = known(cli, name);
  writeContexts(cli.environment.contextFile, { contexts, current: name });
  show(cli, { current: name }, `${name}: ${contexts[name]?.server ?? ''}\n`);
};

export const remove: Action = async (cli, [name = '']) => {
  const { contexts, current } = known(cli, name);
  const { [name]: _gone, ...rest } = contexts;
  writeContexts(cli.environment.contextFile, { contexts: rest, current: current === name ? undefined : current });
  show(cli, { deleted: name }, `${name} is forgotten.\n`);
};

export const whoAmI: Action = async (cli) => {
  const { server, context } = targetOf(cli);
  const client = connect(cli);
  const principal = await client.server.whoAmI({}, { signal: cli.signal });
  // A device key may ask who it is and nothing more.
  const about = principal.role === 'device' ? undefined : await client.server.get({}, { signal: cli.signal });
  show(
    cli,
    { server, context: context ?? null, version: about?.version ?? null, ...principal },
    factsText(cli.io, [
      ['server', server],
      ['context', context],
      ['version', about?.version],
      ['key', `${principal.name} (${principal.key})`],
      ['role', principal.role],
      ['tenant', principal.tenant ?? 'all'],
    ]),
  );
};
