import { stat } from 'node:fs/promises';
import { openImageFile, type CardImage } from '@drover/card';
import { ImageRef } from '@drover/contract';
import { flagOption, textOption, UsageError, type Cli } from '../../command.js';
import { connect } from '../../connect.js';
import { withSelfUpdating } from './self-updating.js';

const remedy = 'Name a file, a folder that `drover build --output --card` made, or an image of `drover image list`.';

/** An image of the server, read from it while it is written. */
const openStored = async (cli: Cli, ref: string): Promise<CardImage> => {
  const client = connect(cli);
  const { id, ref: name, size, digest } = await client.images.get({ params: { ref } }, { signal: cli.signal });
  return {
    ...{ name, size, sha256: digest ?? undefined },
    open: (signal) => client.download('downloadImageDisk', { params: { ref: id } }, { signal }),
  };
};

/** Gives out the image as long as `use` needs it. */
export const withImage = async <T>(cli: Cli, use: (image: CardImage) => Promise<T>): Promise<T> =>
  flagOption(cli.options, 'selfUpdating')
    ? withSelfUpdating(cli, textOption(cli.options, 'image'), use)
    : use(await openImage(cli));

/** Whether the last partition is to reach to the end of the card. Behind that of a card that updates itself the board makes its own. */
export const growsRoot = ({ options }: Cli): boolean =>
  options['grow'] !== false && !flagOption(options, 'selfUpdating');

/** What `--image` names: what is there as a file comes before what the server may have. */
const openImage = async (cli: Cli): Promise<CardImage> => {
  const named = textOption(cli.options, 'image');
  if (named === undefined) throw new UsageError('--image is missing', remedy);
  if ((await stat(named).catch(() => undefined)) !== undefined) return openImageFile(named);
  if (ImageRef.safeParse(named).success) return openStored(cli, named);
  throw new UsageError(`There is no file ${named}`, remedy);
};
