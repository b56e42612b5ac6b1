import type { ItemOf, ListOperation, Client, InputOf } from '@drover/sdk';
import { numberOption, type Cli } from './command.js';
import { tableText, type Column } from './terminal/table.js';

/** One result: JSON as it came, or the text for people. */
export const show = (cli: Cli, value: unknown, text: string): void => {
  cli.io.out(cli.json ? `${JSON.stringify(value, null, 2)}\n` : text);
};

/** A hint for people, nothing for programs. */
export const hint = (cli: Cli, text: string): void => {
  if (!cli.json) cli.io.err(`${text}\n`);
};

/** Every item of a list, or the first `--limit`. */
export const gather = async <O extends ListOperation>(
  cli: Cli,
  client: Client,
  operation: O,
  input?: InputOf<O>,
): Promise<ItemOf<O>[]> => {
  const limit = numberOption(cli.options, 'limit') ?? Infinity;
  const items: ItemOf<O>[] = [];
  for await (const item of client.each(operation, input, { signal: cli.signal })) {
    items.push(item);
    if (items.length >= limit) break;
  }
  return items;
};

/** A list as a JSON array or as a table. */
export const showList = <T>(cli: Cli, items: readonly T[], columns: readonly Column<T>[], empty: string): void => {
  if (items.length === 0) hint(cli, empty);
  if (cli.json || items.length > 0) show(cli, items, tableText(cli.io, columns, items));
};
