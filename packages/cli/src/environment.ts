import { homedir } from 'node:os';
import { join } from 'node:path';

/** What the command line takes from its surroundings; the only reader of the environment in this package. */
export interface Environment {
  /** DROVER_SERVER */
  readonly server: string | undefined;
  /** DROVER_KEY */
  readonly key: string | undefined;
  /** DROVER_CONTEXT */
  readonly context: string | undefined;
  /** Contexts: `~/.config/drover/cli.yaml`. */
  readonly contextFile: string;
  /** Uploads under way: `~/.local/state/drover/uploads.json`. */
  readonly uploadsFile: string;
  /** What builds keep: `~/.cache/drover/builds`. */
  readonly buildCache: string;
  /** What the last builds said: `~/.local/state/drover/builds`. */
  readonly buildLogs: string;
  /** VISUAL or EDITOR, a command of the shell. */
  readonly editor: string;
  readonly color: boolean;
  /** TERM=dumb */
  readonly isDumb: boolean;
}

const set = (text: string | undefined): string | undefined => (text === undefined || text === '' ? undefined : text);

export const readEnvironment = (env: NodeJS.ProcessEnv = process.env): Environment => {
  const home = set(env['HOME']) ?? homedir();
  const state = join(set(env['XDG_STATE_HOME']) ?? join(home, '.local/state'), 'drover');
  return {
    server: set(env['DROVER_SERVER']),
    key: set(env['DROVER_KEY']),
    context: set(env['DROVER_CONTEXT']),
    contextFile: join(set(env['XDG_CONFIG_HOME']) ?? join(home, '.config'), 'drover/cli.yaml'),
    uploadsFile: join(state, 'uploads.json'),
    buildLogs: join(state, 'builds'),
    buildCache: join(set(env['XDG_CACHE_HOME']) ?? join(home, '.cache'), 'drover/builds'),
    editor: set(env['VISUAL']) ?? set(env['EDITOR']) ?? 'vi',
    // https://no-color.org: any value turns colours off.
    color: set(env['NO_COLOR']) === undefined && env['TERM'] !== 'dumb',
    isDumb: env['TERM'] === 'dumb',
  };
};
