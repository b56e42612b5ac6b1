import type { CardKeys } from '@drover/contract';
import { flagOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { hint, show } from '../show.js';

const finishHint = 'Cards that start from now on learn it. Once all have, use it: drover card key roll --finish';

/** Standard output is what signify reads: the key in use, or the one that was just made. */
const showKeys = (cli: Cli, keys: CardKeys, made: boolean): void => {
  show(cli, keys, made && keys.next !== null ? keys.next : keys.publicKey);
  if (made && keys.next !== null) hint(cli, `This key is announced. ${finishHint}`);
  else if (keys.next !== null) hint(cli, `Another key is announced. ${finishHint}`);
};

export const cardKey: Action = async (cli, [action]) => {
  const finish = flagOption(cli.options, 'finish');
  if (action !== undefined && action !== 'roll')
    throw new UsageError(`drover card key cannot ${action}`, 'Write drover card key, or drover card key roll.');
  if (finish && action === undefined)
    throw new UsageError('--finish is for roll', 'Write drover card key roll --finish.');
  const client = connect(cli);
  const { signal } = cli;
  if (action === undefined) return showKeys(cli, await client.cardKey.get({}, { signal }), false);
  return showKeys(cli, await client.cardKey.roll({ body: { finish } }, { signal }), !finish);
};
