import { readFile } from 'node:fs/promises';
import { cardName, parseCardList, type CardRow } from '@drover/card';
import { refusal, RefusedError } from '@drover/contract';
import { UsageError, type Cli } from '../../command.js';
import { wantedOf, type Wanted } from './given.js';
import { problemOfCard } from './result.js';

/** One card of `--cards` with all that it shall hold. */
export interface Listed {
  readonly row: CardRow;
  readonly name: string;
  readonly wanted: Wanted;
}

/** What is wrong in a line is told with the line. */
const inLine = async (cli: Cli, row: CardRow): Promise<Wanted> => {
  try {
    return await wantedOf(cli, row.cells);
  } catch (error) {
    const { detail, remedy } = problemOfCard(error);
    const said = error instanceof RefusedError ? error.refusal.errors : undefined;
    throw new RefusedError(
      refusal('request.invalid', `The list of cards: line ${row.line}: ${detail}`, {
        ...(remedy === undefined ? {} : { remedy }),
        ...(said === undefined ? {} : { errors: said }),
      }),
    );
  }
};

/** Reads the list, and each line of it, before anything is written. */
export const readListed = async (cli: Cli, path: string): Promise<Listed[]> => {
  const text = await readFile(path, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    throw new UsageError(`--cards ${path} cannot be read (${fault.code ?? fault.message})`, 'Name a CSV file.');
  });
  const listed: Listed[] = [];
  for (const row of parseCardList(text)) listed.push({ row, name: cardName(row), wanted: await inLine(cli, row) });
  return listed;
};
