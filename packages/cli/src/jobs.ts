import type { Job } from '@drover/contract';
import { resultOf, type Client } from '@drover/sdk';
import type { Cli } from './command.js';
import { hint } from './show.js';
import type { ProgressBar } from './terminal/progress.js';

/** Shows a job's progress until it ended; gives the job that succeeded, throws the error of one that did not. */
export const followJob = async (cli: Cli, client: Client, id: string, bar: ProgressBar): Promise<Job> => {
  try {
    const job = await client.waitForJob(id, {
      signal: cli.signal,
      onProgress: ({ progress, state }) => {
        if (progress !== null && state === 'running') bar.update({ label: progress.step, ...progress });
      },
    });
    bar.end();
    resultOf(job);
    return job;
  } catch (error) {
    bar.end();
    if (cli.signal.aborted)
      hint(cli, `It goes on on the server. Follow it: drover job watch ${id}; stop it: drover job cancel ${id}`);
    throw error;
  }
};
