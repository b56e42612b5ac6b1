import { createClient, type Client } from '@drover/sdk';
import { textOption, UsageError, type Cli } from './command.js';
import { readContexts, type Context } from './contexts.js';

const defaultServer = 'http://127.0.0.1:8080';

/** Tries over about two seconds: a server that restarts is waited for, a wrong address is told soon. */
const attempts = 4;

/** Which server and key a command uses, and why. */
export interface Target {
  readonly server: string;
  readonly key: string | undefined;
  readonly context: string | undefined;
  /** False: nobody named a server, and it is looked for on this machine. */
  readonly isNamed: boolean;
}

const named = (contexts: Readonly<Record<string, Context>>, name: string): Context => {
  const context = contexts[name];
  if (context !== undefined) return context;
  const known = Object.keys(contexts);
  throw new UsageError(
    `There is no context ${name}`,
    known.length === 0 ? 'Make one with `drover login`.' : `There are: ${known.join(', ')}.`,
  );
};

/** `http://host:port` of what a person wrote: `host`, `host:port` or a URL. */
export const serverUrl = (text: string): string => {
  const [, host, port = '8080'] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host !== undefined) return `http://${host}:${port}`;
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text)) {
    throw new UsageError(`${text} is no server`, 'Write it like http://drover.lan:8080.');
  }
  const { protocol, host: authority, pathname } = new URL(text);
  return `${protocol}//${authority}${pathname.replace(/\/+$/, '')}`;
};

/**
 * Options first, then the environment, then the context that is named or current, then this machine. A key of a context never goes to another server
 * than that context's.
 */
export const targetOf = ({ options, environment }: Pick<Cli, 'options' | 'environment'>): Target => {
  const { contexts, current } = readContexts(environment.contextFile);
  const asked = textOption(options, 'context') ?? environment.context;
  const name = asked ?? current;
  const context = asked !== undefined ? named(contexts, asked) : name === undefined ? undefined : contexts[name];
  const given = textOption(options, 'server') ?? environment.server;
  const server = given === undefined ? (context?.server ?? defaultServer) : serverUrl(given);
  const own = context !== undefined && context.server === server ? context : undefined;
  const fitting = own ?? Object.values(contexts).find((each) => each.server === server);
  return {
    server,
    key: textOption(options, 'key') ?? environment.key ?? fitting?.key,
    context: own === undefined ? undefined : name,
    isNamed: given !== undefined || context !== undefined,
  };
};

export const connect = (cli: Pick<Cli, 'options' | 'environment'>): Client => {
  const { server, key } = targetOf(cli);
  return createClient({ baseUrl: server, key, attempts });
};
