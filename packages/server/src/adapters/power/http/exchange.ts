import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { PowerFault, unfit } from '../driver.js';

/** Services listen on this machine and its link that trust whoever can reach them. */
export interface AddressGuard {
  readonly isInnermost: (address: string) => boolean;
  /** Refuses names that lead there when a socket connects. */
  readonly lookup: LookupFunction;
}

export interface Exchange {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Authority in PEM, instead of those that Node knows. */
  readonly ca: string | undefined;
  /** Where it may not lead; undefined where the settings say where it leads. */
  readonly guard: AddressGuard | undefined;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  /** Of WWW-Authenticate. */
  readonly challenges: readonly string[];
  readonly body: string;
}

/** Plugs say a few words. */
const answerLimit = 64 * 1024;

const leadsInside = () =>
  unfit(
    'power.values',
    'lead to this machine or its link',
    'Write the address in the settings of the driver, or set its localAddresses.',
  );

const check = (url: URL, guard: AddressGuard | undefined): void => {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && guard?.isInnermost(host) === true) throw leadsInside();
};

const send = ({ method, url, headers, body, ca, guard, signal }: Exchange): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const asked = request(url, {
      method,
      headers,
      signal,
      agent: false,
      ...(ca === undefined ? {} : { ca }),
      ...(guard && { lookup: guard.lookup }),
    });
    asked.once('response', resolve);
    // Also after the answer: then its body ends with the same error.
    asked.on('error', reject);
    asked.end(body);
  });

async function take(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += (chunk as Buffer).length;
    if (size > answerLimit) throw new PowerFault(`it answered more than ${answerLimit} bytes`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const notReached = (url: URL, fault: NodeJS.ErrnoException): PowerFault =>
  new PowerFault(
    `${url.host} could not be asked: ${fault.message}`,
    /CERT|SELF_SIGNED|ERR_TLS|UNABLE_TO/.test(fault.code ?? '')
      ? 'Set ca of the driver to the authority of its certificate.'
      : 'Look whether the server reaches it, and whether its address is right.',
  );

/** One request and its whole answer. Redirects are answers like others: where they lead nobody has said in the settings. */
export const exchange = async (asked: Exchange): Promise<Answer> => {
  check(asked.url, asked.guard);
  try {
    const answer = await send(asked);
    try {
      return {
        status: answer.statusCode ?? 0,
        challenges: answer.headersDistinct['www-authenticate'] ?? [],
        body: await take(answer),
      };
    } finally {
      answer.destroy();
    }
  } catch (fault) {
    if (fault instanceof PowerFault || asked.signal.aborted || !(fault instanceof Error)) throw fault;
    throw fault.name === 'InnermostAddressError' ? leadsInside() : notReached(asked.url, fault);
  }
};
