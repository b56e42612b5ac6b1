/** HTTP as boards speak it: one connection per file, no redirects (wire reference, section 7). */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { ByteSink } from './byte-sink.js';
import { abortReason, type Clock } from './clock.js';
import type { FileTransport, TransportResult } from './firmware-files.js';

export interface HttpFetch {
  readonly host: string;
  readonly port: number;
  /** Path and query as they stand in the request line. */
  readonly path: string;
  readonly localAddress?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Without a sink the connection is dropped once the status is known. */
  readonly sink?: ByteSink;
  /** Milliseconds of board time for the whole fetch. */
  readonly timeoutMs: number;
}

const requestOptions = (fetch: HttpFetch): RequestOptions => ({
  host: fetch.host,
  port: fetch.port,
  path: fetch.path,
  agent: false,
  headers: { connection: 'close', ...fetch.headers },
  ...(fetch.localAddress === undefined ? {} : { localAddress: fetch.localAddress }),
});

const announcedLength = (response: IncomingMessage): number | undefined => {
  const text = response.headers['content-length'];
  return text === undefined ? undefined : Number(text);
};

/** Reads the body; a body shorter than announced is no file. */
const receive = (response: IncomingMessage, sink: ByteSink, settle: (result: TransportResult) => void): void => {
  const length = announcedLength(response);
  if (length !== undefined) sink.expect(length);
  response.on('data', (chunk: Buffer) => sink.write(chunk));
  response.on('end', () => {
    const whole = response.complete && (length === undefined || length === sink.size);
    if (whole) settle({ outcome: 'ok', size: sink.size, resent: 0 });
    else settle({ outcome: 'refused', size: sink.size, resent: 0, message: `body ended after ${sink.size} bytes` });
  });
};

const refusal = (response: IncomingMessage): TransportResult => ({
  outcome: response.statusCode === 404 ? 'not-found' : 'refused',
  size: 0,
  resent: 0,
  message: `HTTP ${response.statusCode ?? 0}`,
});

/**
 * Fetches one path.
 * @returns how it ended; whatever the server or the network does is an outcome.
 * @throws Error when the signal is aborted.
 */
export const httpGet = (fetch: HttpFetch, clock: Clock, signal?: AbortSignal): Promise<TransportResult> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(abortReason(signal));
    const outgoing = httpRequest(requestOptions(fetch));
    const finish = (): void => {
      deadline.cancel();
      signal?.removeEventListener('abort', onAbort);
      outgoing.destroy();
    };
    const settle = (result: TransportResult): void => {
      finish();
      resolve(result);
    };
    const deadline = clock.timer(fetch.timeoutMs, () =>
      settle({ outcome: 'timeout', size: fetch.sink?.size ?? 0, resent: 0 }),
    );
    const onAbort = (): void => {
      finish();
      reject(abortReason(signal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const fault = (error: Error): void => settle({ outcome: 'refused', size: 0, resent: 0, message: error.message });
    outgoing.on('error', fault);
    outgoing.on('response', (response) => {
      response.on('error', fault);
      if (response.statusCode !== 200 && response.statusCode !== 206) return settle(refusal(response));
      if (fetch.sink !== undefined) return receive(response, fetch.sink, settle);
      settle({ outcome: 'terminated', size: announcedLength(response) ?? 0, resent: 0 });
    });
    outgoing.end();
  });

/** Path segments escaped, slashes kept. */
const urlPath = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

/** The firmware's files over `GET /netboot/<prefix>/<file>` instead of TFTP. */
export const httpTransport = (
  server: Omit<HttpFetch, 'path' | 'sink'>,
  clock: Clock,
  signal?: AbortSignal,
): FileTransport => ({
  name: 'http',
  request: (path, sink) =>
    httpGet({ ...server, path: `/netboot/${urlPath(path)}`, ...(sink === undefined ? {} : { sink }) }, clock, signal),
});
