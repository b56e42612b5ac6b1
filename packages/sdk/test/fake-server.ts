/** One request as the fake server saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: unknown;
}

type Answer = Response | (() => Response | Promise<Response>) | Error;

/** A `fetch` that gives prepared answers in order, for tests of the client without a server. */
export const createFakeServer = (answers: Answer[]) => {
  const seen: Seen[] = [];
  const waits: number[] = [];
  const fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { pathname, search } = new URL(url instanceof Request ? url.url : url);
    seen.push({
      method: init.method ?? 'GET',
      path: pathname + search,
      headers: new Headers(init.headers),
      body: init.body,
    });
    init.signal?.throwIfAborted();
    const answer = answers.shift();
    if (answer === undefined) throw new TypeError('no more answers');
    if (answer instanceof Error) throw new TypeError('fetch failed', { cause: answer });
    return typeof answer === 'function' ? answer() : answer;
  };
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    waits.push(ms);
  };
  return { seen, waits, options: { baseUrl: 'http://drover:8080/', key: 'drv_k', fetch, sleep, random: () => 1 } };
};

export const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

export const problem = (code: string, status: number, headers: Record<string, string> = {}): Response =>
  new Response(
    JSON.stringify({
      type: `urn:drover:error:${code}`,
      title: code,
      status,
      code,
      detail: `${code}.`,
      remedy: 'Do it.',
    }),
    {
      status,
      headers: { 'content-type': 'application/problem+json', ...headers },
    },
  );

export const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
