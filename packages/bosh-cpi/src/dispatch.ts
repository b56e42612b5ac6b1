import { CpiFailure, type FailureType } from './failure.js';
import type { Log } from './log.js';
import { parseRequest, type Request } from './request.js';

/** What is written to standard output, as JSON. */
export interface Answer {
  readonly result: unknown;
  readonly error: {
    readonly type: `Bosh::Clouds::${FailureType}`;
    readonly message: string;
    readonly ok_to_retry: boolean;
  } | null;
  readonly log: string;
}

/** Carries out one request; throws whatever it ends with. */
export type Carry = (request: Request, log: Log) => Promise<unknown>;

interface Deps {
  readonly log: Log;
  /** Methods by name. */
  readonly methods: Readonly<Record<string, Carry>>;
  /** What an error means that is no CpiFailure yet. */
  readonly explain: (error: unknown) => Promise<CpiFailure>;
  /** Milliseconds, from any moment on. */
  readonly now: () => number;
}

/** Answers a request, whatever becomes of it: never throws. */
export const answer = async (text: string, deps: Deps): Promise<Answer> => {
  const { log } = deps;
  const begun = deps.now();
  let name = 'request';
  try {
    const request = parseRequest(text);
    name = `${request.method}${requestIdOf(request)}`;
    const carry = Object.hasOwn(deps.methods, request.method) ? deps.methods[request.method] : undefined;
    if (carry === undefined)
      throw new CpiFailure('NotImplemented', `There is no method ${JSON.stringify(request.method)} here.`);
    const result = (await carry(request, log)) ?? null;
    log.say(`${name}: done in ${Math.round(deps.now() - begun)} ms`);
    return { result, error: null, log: log.text() };
  } catch (error) {
    const { type, message, okToRetry } = error instanceof CpiFailure ? error : await deps.explain(error);
    log.say(`${name}: ${type} after ${Math.round(deps.now() - begun)} ms: ${message}`);
    return { result: null, error: { type: `Bosh::Clouds::${type}`, message, ok_to_retry: okToRetry }, log: log.text() };
  }
};

const requestIdOf = ({ context }: Request): string => {
  const { request_id: id } = context;
  return typeof id === 'string' ? ` [${id}]` : '';
};
