import { clearBuildCache } from '@drover/builder';
import { problemOf, RefusedError } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { createToolRunner } from '@drover/tools';
import { flagOption, numberOption, textOption, type Action } from '../../command.js';
import { show } from '../../show.js';
import { bytesText } from '../../terminal/format.js';

const dayMs = 24 * 3600 * 1000;

export const clearCache: Action = async (cli) => {
  const cacheDir = textOption(cli.options, 'cacheDir') ?? cli.environment.buildCache;
  const days = numberOption(cli.options, 'unusedFor') ?? 0;
  const options = {
    since: days === 0 ? Infinity : Date.now() - days * dayMs,
    packages: flagOption(cli.options, 'packages'),
    signal: cli.signal,
  };
  const bytes = await clearBuildCache(createToolRunner(), cacheDir, options).catch((error: unknown) => {
    throw error instanceof RefusedError ? new DroverError(problemOf(error.refusal)) : error;
  });
  show(cli, { cacheDir, bytes }, `${bytesText(bytes)} of ${cacheDir} are free again.\n`);
};
