import { writeCard, type CardImage, type MadeCard } from '@drover/card';
import { sizeOf } from '../../actions/disk.js';
import { flagOption, textOption, UsageError, type Action, type Cli } from '../../command.js';
import { hint } from '../../show.js';
import { ask, canAsk } from '../../terminal/ask.js';
import { confirmWith } from './confirm.js';
import { wantedOf, withKey, type Wanted } from './given.js';
import { growsRoot, withImage } from './image-source.js';
import { readListed, type Listed } from './listed.js';
import { problemOfCard, showListed, showMade, shownError, withProgress, type ListedCard } from './result.js';

const defaultMaxSize = '256G';

/** Writes one card. When that fails after it was begun, the card is not usable, and that is said. */
const writeOne = async (cli: Cli, image: CardImage, device: string, wanted: Wanted): Promise<MadeCard> => {
  let isBegun = false;
  try {
    return await withKey(cli, wanted, (given) =>
      withProgress(cli, (onProgress) =>
        writeCard({
          ...{ image, device, given, onProgress, signal: cli.signal },
          forget: flagOption(cli.options, 'forget'),
          grow: growsRoot(cli),
          limits: {
            maxSize: sizeOf(textOption(cli.options, 'maxSize') ?? defaultMaxSize),
            allowFixed: flagOption(cli.options, 'allowFixed'),
          },
          confirm: confirmWith(cli, image),
          onBegin: () => {
            isBegun = true;
          },
        }),
      ),
    );
  } catch (error) {
    const why = cli.signal.aborted ? 'Interrupted. ' : '';
    if (isBegun)
      cli.io.err(`${why}The card in ${device} is not usable now, and what it held before is gone: write it again.\n`);
    throw error;
  }
};

type Answer = 'write' | 'leave out' | 'end';

const askForCard = async (cli: Cli, device: string, { name }: Listed, count: string): Promise<Answer> => {
  const answer = await ask(
    cli,
    `Put the card for ${name} (${count}) into ${device} and press Enter; s leaves it out, q ends: `,
  );
  return answer === 'q' ? 'end' : answer === 's' ? 'leave out' : 'write';
};

/** Writes the card of one line, again and again until it is made, left out, or the end is asked for. */
const writeListed = async (
  cli: Cli,
  image: CardImage,
  device: string,
  listed: Listed,
  count: string,
): Promise<ListedCard | 'end'> => {
  const about = { name: listed.name, line: listed.row.line };
  let problem: ListedCard['problem'] = null;
  for (;;) {
    const answer = await askForCard(cli, device, listed, count);
    if (answer === 'end') return 'end';
    if (answer === 'leave out') return { ...about, card: null, problem };
    try {
      return { ...about, card: await writeOne(cli, image, device, listed.wanted), problem: null };
    } catch (error) {
      cli.signal.throwIfAborted();
      problem = problemOfCard(error);
      cli.io.err(`${problem.detail}\n${problem.remedy === undefined ? '' : `${problem.remedy}\n`}`);
    }
  }
};

const writeAll = async (cli: Cli, image: CardImage, device: string, list: string): Promise<number> => {
  const listed = await readListed(cli, list);
  if (!canAsk())
    throw new UsageError(
      'Nobody can be asked to change the cards',
      'Run it in a terminal, or make files: drover card image --cards.',
    );
  const cards: ListedCard[] = [];
  for (const each of listed) {
    const made = await writeListed(cli, image, device, each, `${cards.length + 1} of ${listed.length}`);
    if (made === 'end') break;
    cards.push(made);
  }
  const rest = listed.slice(cards.length).map(({ name, row }) => ({ name, line: row.line, card: null, problem: null }));
  return showListed(cli, [...cards, ...rest]);
};

/** `drover card write`: onto cards in a reader. */
export const write: Action = async (cli, [device = '']) => {
  try {
    const list = textOption(cli.options, 'cards');
    return await withImage(cli, async (source) => {
      if (list !== undefined) return writeAll(cli, source, device, list);
      showMade(cli, await writeOne(cli, source, device, await wantedOf(cli)));
      return 0;
    });
  } catch (error) {
    if (cli.signal.aborted) hint(cli, 'Interrupted.');
    throw shownError(error);
  }
};
