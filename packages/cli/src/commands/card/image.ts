import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCardFile, type CardImage, type MadeCard } from '@drover/card';
import { sizeOf } from '../../actions/disk.js';
import { flagOption, textOption, UsageError, type Action, type Cli } from '../../command.js';
import { hint } from '../../show.js';
import { growsRoot, withImage } from './image-source.js';
import { wantedOf, withKey, type Wanted } from './given.js';
import { readListed } from './listed.js';
import { problemOfCard, showListed, showMade, shownError, withProgress, type ListedCard } from './result.js';

const makeFile = (cli: Cli, image: CardImage, file: string, wanted: Wanted): Promise<MadeCard> => {
  const size = textOption(cli.options, 'size');
  return withKey(cli, wanted, (given) =>
    withProgress(cli, (onProgress) =>
      writeCardFile({
        ...{ image, file, given, onProgress, signal: cli.signal },
        size: size === undefined ? undefined : sizeOf(size),
        forget: flagOption(cli.options, 'forget'),
        grow: growsRoot(cli),
      }),
    ),
  );
};

/** A file for each line of a list. One that cannot be made keeps none of the others from it. */
const makeFiles = async (cli: Cli, image: CardImage, list: string): Promise<number> => {
  const folder = textOption(cli.options, 'output');
  if (folder === undefined) throw new UsageError('--output is missing', 'Name a folder for the files of the cards.');
  const listed = await readListed(cli, list);
  await mkdir(folder, { recursive: true });
  const cards: ListedCard[] = [];
  for (const { row, name, wanted } of listed) {
    hint(cli, `${name} (${cards.length + 1} of ${listed.length})`);
    const about = { name, line: row.line };
    try {
      cards.push({ ...about, card: await makeFile(cli, image, join(folder, `${name}.img`), wanted), problem: null });
    } catch (error) {
      cli.signal.throwIfAborted();
      cards.push({ ...about, card: null, problem: problemOfCard(error) });
    }
  }
  return showListed(cli, cards);
};

/** `drover card image`: into files. */
export const image: Action = async (cli, [file]) => {
  try {
    const list = textOption(cli.options, 'cards');
    if ((list === undefined) === (file === undefined))
      throw new UsageError(
        'There is either one file or a list of cards',
        'Name a file, or --cards LIST --output FOLDER.',
      );
    return await withImage(cli, async (source) => {
      if (list !== undefined) return makeFiles(cli, source, list);
      showMade(cli, await makeFile(cli, source, file ?? '', await wantedOf(cli)));
      return 0;
    });
  } catch (error) {
    if (cli.signal.aborted) hint(cli, 'Interrupted. A file that was not whole is not there.');
    throw shownError(error);
  }
};
