import type { CardImage, DevicePlan } from '@drover/card';
import { flagOption, UsageError, type Cli } from '../../command.js';
import { ask, canAsk } from '../../terminal/ask.js';
import { bytesText, safeText } from '../../terminal/format.js';
import { factsText } from '../../terminal/table.js';
import { settingsRows } from './result.js';

const planText = (cli: Cli, { facts, settings, kept }: DevicePlan, image: CardImage): string => {
  const parts = facts.partitions.map(({ name, size }) => `${name} ${bytesText(size)}`).join(', ');
  return factsText(cli.io, [
    ['write', image.size === null ? image.name : `${image.name}, ${bytesText(image.size)}`],
    ['to', `${facts.path}, ${safeText(facts.model ?? 'of no model')}, ${bytesText(facts.size)}`],
    ['lost there', parts === '' ? 'no partitions were found' : parts],
    ...settingsRows(settings, kept),
  ]);
};

/** Shows what is going to be lost and what is written, and asks. A disk that is not made to be taken out is named again by whoever means it. */
export const confirmWith =
  (cli: Cli, image: CardImage) =>
  async (plan: DevicePlan): Promise<void> => {
    const { facts } = plan;
    cli.io.err(planText(cli, plan, image));
    if (flagOption(cli.options, 'yes')) return;
    if (!canAsk())
      throw new UsageError(`Nobody can be asked whether ${facts.path} is the right disk`, 'If it is, give --yes.');
    const wanted = facts.removable ? 'yes' : facts.path;
    const answer = await ask(cli, `Everything on ${facts.path} is lost. Type ${wanted} to go on: `);
    if (answer !== wanted)
      throw new UsageError(
        `${facts.path} is left as it is: the answer was not ${wanted}`,
        `To write to it, type ${wanted}.`,
      );
  };
