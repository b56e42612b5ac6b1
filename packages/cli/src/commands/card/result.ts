import type { Growth, MadeCard, OnProgress } from '@drover/card';
import { problemOf, RefusedError, type Problem } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { UsageError, type Cli } from '../../command.js';
import { show } from '../../show.js';
import { bytesText, safeText } from '../../terminal/format.js';
import { createProgressBar } from '../../terminal/progress.js';
import { factsText, tableText } from '../../terminal/table.js';

const rootText = (root: Growth): string =>
  root.kind === 'grown' ? `${bytesText(root.after)}, was ${bytesText(root.before)}` : `as in the image: ${root.why}`;

const withKept = (name: string, value: string, kept: readonly string[]): string =>
  kept.includes(name) ? `${value} (kept)` : value;

export const settingsRows = (
  settings: Readonly<Record<string, string>>,
  kept: readonly string[],
): (readonly [string, string])[] =>
  Object.entries(settings).map(([name, value]) => [name, withKept(name, value, kept)] as const);

/** One card that was made. */
export const showMade = (cli: Cli, made: MadeCard): void => {
  const rows = [
    ['card', `${made.target}, ${bytesText(made.size)}`],
    ['image', `${made.image.name}, ${bytesText(made.image.size)}`],
    ['sha256', `${made.image.sha256}, read back`],
    ['root partition', rootText(made.root)],
    ...settingsRows(made.settings, made.kept),
  ] as const;
  show(cli, made, factsText(cli.io, rows));
};

/** Runs the work with a bar that shows how far it is. */
export const withProgress = async <T>(cli: Cli, work: (onProgress: OnProgress) => Promise<T>): Promise<T> => {
  const bar = createProgressBar(cli.io);
  try {
    return await work((label, done, total) => bar.update({ label, done, total, unit: 'bytes' }));
  } finally {
    bar.end();
  }
};

/** A refusal in the shape in which the command line shows those of a server. */
export const shownError = (error: unknown): unknown =>
  error instanceof RefusedError ? new DroverError(problemOf(error.refusal)) : error;

/** One card of a list, and what became of it. */
export interface ListedCard {
  readonly name: string;
  readonly line: number;
  readonly card: MadeCard | null;
  readonly problem: Pick<Problem, 'code' | 'detail' | 'remedy'> | null;
}

/** Why a card of a list was not made; what is no refusal is thrown. */
export const problemOfCard = (error: unknown): NonNullable<ListedCard['problem']> => {
  const shown = shownError(error);
  if (shown instanceof DroverError) return shown.problem;
  if (error instanceof UsageError)
    return {
      code: 'request.invalid',
      detail: error.message,
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    };
  throw error;
};

/** All cards of a list; the exit code says whether each was made. */
export const showListed = (cli: Cli, cards: readonly ListedCard[]): number => {
  const text = tableText(
    cli.io,
    [
      { title: 'CARD', value: ({ name }) => name },
      { title: 'LINE', value: ({ line }) => line, right: true },
      {
        title: 'STATE',
        value: ({ card, problem }) => (card !== null ? 'made' : problem === null ? 'left out' : 'failed'),
      },
      { title: 'WRITTEN TO', value: ({ card }) => card?.target },
      { title: 'KEY', value: ({ card }) => card?.settings['key'] },
      { title: 'WHY', value: ({ problem }) => (problem === null ? null : safeText(problem.detail)) },
    ],
    cards,
  );
  show(cli, cards, text);
  return cards.every(({ card }) => card !== null) ? 0 : 1;
};
