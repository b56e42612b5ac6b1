import type { DroverError } from './errors.js';
import { errorOf, unreachable } from './errors.js';

/** How a client behaves towards one server. */
export interface ClientOptions {
  /** `http://drover.example:8080`, without the `/api/v2`; in a page that the server itself sent, empty. */
  readonly baseUrl: string;
  readonly key?: string | undefined;
  /** True in the dashboard: the session cookie of the browser stands for a key. */
  readonly cookie?: boolean | undefined;
  readonly fetch?: typeof globalThis.fetch;
  /** Tries in all for what may be repeated. Default 6, over about 10 seconds. */
  readonly attempts?: number;
  /** For tests: waits, and a number from 0 to 1. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random?: () => number;
}

export interface HttpRequest {
  readonly method: string;
  /** Path and query, from `/`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  /** Whether sending it twice has the effect of sending it once. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface Transport {
  readonly baseUrl: string;
  /** One successful answer; throws {@link DroverError}. */
  send(request: HttpRequest): Promise<Response>;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Ms before try `attempt` (from 1): doubling from 250, at most 5 s, with jitter so that many clients do not come back at once. */
  backOff(attempt: number): number;
}

const sleepFor = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }, ms);
    signal?.addEventListener('abort', aborted, { once: true });
  });

const randomShare = (): number => (globalThis.crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;

/** Refusals that pass by themselves. */
const passing: ReadonlySet<string> = new Set([
  'server.busy',
  'server.unreachable',
  'idempotency.in-progress',
  'auth.throttled',
]);

const retryAfterMs = (response: Response): number | undefined => {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.min(seconds, 30) * 1000 : undefined;
};

/** One try: a successful answer, or the error and how long its sender asks to wait. */
type Tried = { readonly response: Response } | { readonly error: DroverError; readonly wait: number | undefined };

/** HTTP with a key, with tries for what may be repeated, and with every failure as a {@link DroverError}. */
export const createTransport = (options: ClientOptions): Transport => {
  const baseUrl = options.baseUrl.replace(/\/+$/, '');
  // Looked up at each request; browsers want their own called as nobody's method.
  const fetcher: typeof globalThis.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const sleep = options.sleep ?? sleepFor;
  const random = options.random ?? randomShare;
  const attempts = options.attempts ?? 6;
  const backOff = (attempt: number): number => Math.min(5000, 250 * 2 ** (attempt - 1)) * (0.5 + random() / 2);

  const tryOnce = async (request: HttpRequest): Promise<Tried> => {
    try {
      const response = await fetcher(baseUrl + request.path, {
        method: request.method,
        headers: {
          accept: 'application/json',
          ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
          // Without it the server takes no change for one of its own pages'.
          ...(options.cookie === true ? { 'x-drover-ui': '1' } : {}),
          ...request.headers,
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      if (response.ok || response.status === 304) return { response };
      return { error: await errorOf(response), wait: retryAfterMs(response) };
    } catch (error) {
      request.signal?.throwIfAborted();
      return { error: unreachable(baseUrl, error), wait: undefined };
    }
  };

  const send = async (request: HttpRequest): Promise<Response> => {
    for (let attempt = 1; ; attempt += 1) {
      const tried = await tryOnce(request);
      if ('response' in tried) return tried.response;
      const again = request.repeatable && attempt < attempts && passing.has(tried.error.code);
      if (!again) throw tried.error;
      await sleep(Math.max(backOff(attempt), tried.wait ?? 0), request.signal);
    }
  };
  return { baseUrl, send, sleep, backOff };
};
