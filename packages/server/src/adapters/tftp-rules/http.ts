import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Collected } from '../../app/boot/plane/ports.js';
import type { Spool } from './spool.js';

const mostRedirects = 5;

interface FetchOptions {
  readonly spool: Spool;
  readonly signal: AbortSignal;
}

/** Fetches all of a body. Undefined: the spool has it. */
export async function fetchUrl(address: string, { spool, signal }: FetchOptions): Promise<Collected | undefined> {
  let url = new URL(address);
  try {
    for (let hops = 0; hops <= mostRedirects; hops += 1) {
      const answer = await get(url, signal);
      const next = redirectOf(url, answer);
      if (next === undefined) return await take(answer, spool);
      answer.destroy();
      if (next === 'elsewhere') return failed('its server leads to another one, which rules do not follow');
      url = next;
    }
    return failed(`its server leads on and on, more than ${mostRedirects} times`);
  } catch (error) {
    if (signal.aborted) return failed('it is not wanted any more');
    return failed(`its server could not be asked (${wordOf(error)})`);
  }
}

const failed = (reason: string): Collected => ({ kind: 'failed', reason });

const get = (url: URL, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const asked = request(url, {
      // identity: what is sent is the file, and its length is that of the file.
      headers: { 'user-agent': 'drover-tftp', 'accept-encoding': 'identity' },
      signal,
      agent: false,
    });
    asked.once('response', resolve);
    // Also after the answer: then its body ends with the same error.
    asked.on('error', reject);
    asked.end();
  });

/**
 * Where the answer leads: to the same server, or from http to https on the same host. Anywhere else, the name of that server belongs into the rule: a path that a
 * stranger chose must not make this machine ask what only it can reach.
 */
function redirectOf(
  from: URL,
  { statusCode = 0, headers: { location } }: IncomingMessage,
): URL | 'elsewhere' | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || location === undefined) return undefined;
  if (!URL.canParse(location, from.href)) return 'elsewhere';
  const to = new URL(location, from.href);
  const isSafer = from.protocol === 'http:' && to.protocol === 'https:' && from.hostname === to.hostname;
  const isBare = to.username === '' && to.password === '';
  return isBare && (to.origin === from.origin || isSafer) ? to : 'elsewhere';
}

async function take(answer: IncomingMessage, spool: Spool): Promise<Collected | undefined> {
  const status = answer.statusCode ?? 0;
  try {
    if (status === 404 || status === 410) return { kind: 'absent', reason: `its server answered ${status}` };
    if (status !== 200) return failed(`its server answered ${status}`);
    for await (const chunk of answer) {
      const full = await spool.write(chunk as Uint8Array);
      if (full !== undefined) return full;
    }
    // A connection that breaks makes the loop throw, where the server said how long its answer is or sent it in pieces.
    return undefined;
  } finally {
    answer.destroy();
  }
}

/** Short, and without the address: it is told to whoever asked. */
const wordOf = (error: unknown): string => {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' ? code : 'no word of why';
};
