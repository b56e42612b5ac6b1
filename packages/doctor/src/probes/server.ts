import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { withTimeLimit, type Observation } from '@drover/contract';
import { DroverError, type Client } from '@drover/sdk';
import { clockOf, outcomeOfError } from './http.js';
import { done, skipped, timestamp, type Probed, type ProbeContext } from './probe.js';

const named = { name: 'server', title: 'What the server itself knows' };

/** The URL with an address in place of a name, so that it can be told which answers of others are the server's. */
const withAddress = async (baseUrl: string): Promise<string> => {
  const { protocol, hostname, port } = new URL(baseUrl);
  if (isIPv4(hostname) || hostname === 'localhost') return baseUrl;
  const found = await lookup(hostname, { family: 4 }).catch(() => undefined);
  return found === undefined ? baseUrl : `${protocol}//${found.address}${port === '' ? '' : `:${port}`}`;
};

const limitMs = 8_000;

const causeOf = (error: unknown): unknown =>
  error instanceof Error && error.cause !== undefined ? error.cause : error;

export interface ServerAsked {
  readonly client: Client;
  /** Somebody named this server; the one of the default is not missed where there is none. */
  readonly isNamed: boolean;
}

/** Asks the server for its half of the report, and for the time. */
export const askServer = async ({ client, isNamed }: ServerAsked, context: ProbeContext): Promise<Probed> => {
  const url = await withAddress(client.baseUrl);
  const api = { kind: 'http', service: 'api', url, at: timestamp(context), by: `the API at ${url}` } as const;
  const sentAt = context.now();
  try {
    const signal = withTimeLimit(context.signal, limitMs);
    const report = await client.call('getDoctor', undefined, { signal });
    const clock = clockOf(url, Date.parse(report.startedAt), sentAt, context);
    return done(named, [{ ...api, outcome: 'ok' }, clock, ...report.observations]);
  } catch (error) {
    const isAnswer = error instanceof DroverError && error.code !== 'server.unreachable';
    if (isAnswer) {
      const observations: Observation[] = [{ ...api, outcome: 'ok' }];
      return skipped(named, error.message, observations);
    }
    if (!isNamed) return skipped(named, `no server was named, and none answers at ${client.baseUrl}`);
    return skipped(named, `it does not answer at ${client.baseUrl}`, [{ ...api, ...outcomeOfError(causeOf(error)) }]);
  }
};
