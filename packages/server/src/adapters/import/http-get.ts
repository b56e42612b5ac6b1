import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { guardedLookup, InnermostAddressError, isInnermost } from './addresses.js';

const maxRedirects = 10;

/** Asking again would give the same. */
export class FinalError extends Error {}

export interface GetOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Whether this machine itself and its link may be asked. */
  readonly mayReachLocal: boolean;
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** Where a request may go. */
const check = (url: URL, mayReachLocal: boolean): void => {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new FinalError(`it leads to a ${url.protocol} address`);
  if (url.username !== '' || url.password !== '')
    throw new FinalError('it leads to an address with a user name or password');
  const host = hostOf(url);
  if (!mayReachLocal && isIP(host) !== 0 && isInnermost(host)) throw new InnermostAddressError(host, host);
};

const getOnce = (url: URL, { headers, signal, mayReachLocal }: GetOptions): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const asked = request(url, {
      headers,
      signal,
      agent: false,
      ...(mayReachLocal ? {} : { lookup: guardedLookup }),
    });
    asked.once('response', resolve);
    // Also after the answer: then its body ends with the same error.
    asked.on('error', reject);
    asked.end();
  });

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

/**
 * GET with redirects followed, each of them checked as the first address is: http(s) only, and never to this machine or its link unless that is allowed.
 * The body comes as it is, whatever its Content-Encoding. Throws FinalError and InnermostAddressError for what another try will not change.
 */
export const httpGet = async (address: string, options: GetOptions): Promise<IncomingMessage> => {
  let url = new URL(address);
  for (let hops = 0; hops <= maxRedirects; hops += 1) {
    check(url, options.mayReachLocal);
    const answer = await getOnce(url, options);
    const { location } = answer.headers;
    if (!isRedirect(answer.statusCode ?? 0) || location === undefined) return answer;
    answer.destroy();
    if (!URL.canParse(location, url.href))
      throw new FinalError(`it leads to ${location.slice(0, 200)}, which is no address`);
    url = new URL(location, url);
  }
  throw new FinalError(`it leads on and on, more than ${maxRedirects} times`);
};
