import type { DomainEvent, EventType } from '@drover/contract';
import { flagOption, numberOption, textOption, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { hint } from '../show.js';
import { safeText } from '../terminal/format.js';
import { paint } from '../terminal/io.js';

const dataText = (data: Readonly<Record<string, unknown>>): string =>
  Object.entries(data)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');

const print = (cli: Cli, event: DomainEvent): void => {
  if (cli.json) cli.io.out(`${JSON.stringify(event)}\n`);
  else {
    const type = paint(cli.io, 'bold', event.type.padEnd(20));
    cli.io.out(`${event.at}  ${type}  ${event.subject}  ${safeText(dataText(event.data))}\n`);
  }
};

export const events: Action = async (cli) => {
  const { options, signal } = cli;
  const client = connect(cli);
  const after = numberOption(options, 'after', 0);
  const limit = numberOption(options, 'limit') ?? Infinity;
  const query = {
    ...(after === undefined ? {} : { after }),
    type: textOption(options, 'type') as EventType | undefined,
    subject: textOption(options, 'subject'),
  };
  let printed = 0;
  if (!flagOption(options, 'follow')) {
    for await (const event of client.each('listEvents', { query }, { signal })) {
      print(cli, event);
      if ((printed += 1) >= limit) return;
    }
    return;
  }
  const onConnection = (state: 'open' | 'lost'): void => {
    if (state === 'lost' && !signal.aborted) hint(cli, 'The connection is lost; trying again.');
  };
  for await (const { data } of client.follow('listEvents', { query }, { signal, onConnection })) {
    print(cli, data);
    if ((printed += 1) >= limit) return;
  }
};
