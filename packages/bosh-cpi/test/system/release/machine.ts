import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rmdir } from 'node:fs/promises';
import { mustRun, run, type Run } from './release.js';

/** This machine with an empty `/var/vcap`, which nobody else sees. */
export interface Machine {
  /** Runs a shell's text in it, with nothing in the environment but a search path and what is given. */
  readonly sh: (text: string, env?: Readonly<Record<string, string>>, input?: string) => Promise<Run>;
  /** The same; throws when it ends with another code than 0. */
  readonly must: (text: string, env?: Readonly<Record<string, string>>, input?: string) => Promise<Run>;
  readonly stop: () => Promise<void>;
}

const place = '/var/vcap';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Needs root, as a mount does. */
export const openMachine = async (): Promise<Machine> => {
  // A mount needs a folder to lie on.
  const isMade = (await mkdir(place, { recursive: true })) !== undefined;
  const holder = spawn(
    'unshare',
    ['--mount', 'sh', '-euc', `mount -t tmpfs tmpfs ${place}; echo there; exec sleep inf`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const gone = once(holder, 'exit');
  await Promise.race([
    once(holder.stdout, 'data'),
    gone.then(() => {
      throw new Error('a mount namespace could not be made');
    }),
  ]);
  const enter = (text: string): [string, string[]] => [
    'nsenter',
    ['--mount', `--target=${holder.pid}`, '--wd=/', 'sh', '-euc', text],
  ];
  const options = (env: Readonly<Record<string, string>> = {}, input = '') => ({ env: { PATH: path, ...env }, input });
  return {
    sh: (text, env, input) => run(...enter(text), options(env, input)),
    must: (text, env, input) => mustRun(...enter(text), options(env, input)),
    stop: async () => {
      holder.kill();
      await gone;
      if (isMade) await rmdir(place);
    },
  };
};
