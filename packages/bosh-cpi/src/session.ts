import { createClient, type Client } from '@drover/sdk';
import { CpiFailure } from './failure.js';
import type { Log } from './log.js';
import type { Request } from './request.js';
import { settingsOf, type CpiSettings } from './settings.js';

/** What carries out one call. */
export interface Session {
  readonly client: Client;
  readonly settings: CpiSettings;
  readonly log: Log;
  readonly request: Request;
  /** 1: the answer is as the first version of the contract has it. */
  readonly version: 1 | 2;
  /** Whose call it is: its UUID; empty for one that does not say. */
  readonly director: string;
  readonly clock: Clock;
  readonly files: Files;
}

export interface Clock {
  /** Unix time in ms. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Reads the image of a stemcell, which may be larger than memory. */
export interface Files {
  readonly size: (path: string) => Promise<number>;
  /** In hex. */
  readonly sha256: (path: string) => Promise<string>;
  readonly read: (path: string, start: number, end: number) => Promise<Uint8Array>;
}

export interface SessionDeps {
  readonly clock: Clock;
  readonly files: Files;
  /** Settings of `--config`; undefined: none was given. */
  readonly file: Readonly<Record<string, unknown>> | undefined;
  readonly fetch?: typeof globalThis.fetch;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export const openSession = (request: Request, log: Log, deps: SessionDeps): Session => {
  const settings = settingsOf(request.context, deps.file);
  const { url: baseUrl, key } = settings.drover;
  const told = telling(deps.fetch ?? globalThis.fetch, log, deps.clock);
  return {
    client: createClient({ baseUrl, key, fetch: told }),
    settings,
    log,
    request,
    version: request.apiVersion >= 2 ? 2 : 1,
    director: textOf(request.context['director_uuid']),
    clock: deps.clock,
    files: deps.files,
  };
};

/** Each question to the server is a line of the log: method, path and what came of it. Questions that only look are left out: there are many. */
const telling =
  (fetch: typeof globalThis.fetch, log: Log, clock: Clock): typeof globalThis.fetch =>
  async (input, init) => {
    const begun = clock.now();
    const method = init?.method ?? 'GET';
    const { pathname } = new URL(input instanceof globalThis.Request ? input.url : input);
    const tell = (outcome: string): void => log.say(`${method} ${pathname}: ${outcome} in ${clock.now() - begun} ms`);
    try {
      const response = await fetch(input, init);
      if (method !== 'GET' || !response.ok) tell(String(response.status));
      return response;
    } catch (error) {
      tell('no answer');
      throw error;
    }
  };

/** Looks again and again, at first often, until there is something; refuses when the time is over. `until`: as the clock has it. */
export const waitFor = async <T>(
  { clock }: Pick<Session, 'clock'>,
  what: string,
  until: number,
  look: () => Promise<T | undefined>,
): Promise<T> => {
  for (let pause = 100; ; pause = Math.min(pause * 1.3, 2000)) {
    const found = await look();
    if (found !== undefined) return found;
    if (clock.now() + pause > until)
      throw new CpiFailure('CloudError', `Waited too long for ${what}.`, { okToRetry: true });
    await clock.sleep(pause);
  }
};
