/** HTTP as the device runtime speaks it (device/lib/http.sh): a connection for each request, no redirects, no names, nothing that waits for ever. */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { abortReason, type Clock } from './clock.js';

export interface DeviceServer {
  readonly host: string;
  readonly port: number;
  /** Before every path. */
  readonly base: string;
  readonly localAddress?: string;
}

export interface DeviceRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly authorization: string;
  readonly body?: string;
  readonly type?: string;
  /** First byte wanted; 0 is the whole. */
  readonly from?: number;
  /** Milliseconds of board time for the answer, where it may take longer than others. */
  readonly limitMs?: number;
}

export interface DeviceAnswer {
  /** 0 when no whole answer came. */
  readonly status: number;
  /** Seconds, as the server wrote them. */
  readonly retryAfter: string;
  readonly date: string;
  readonly body: Buffer;
}

/** Bytes of a good answer, as they come; `status` tells a part (206) from the whole (200). */
export type TakeBytes = (chunk: Buffer, status: number) => void;

export interface DeviceHttp {
  /** One request with its whole answer. */
  ask(request: DeviceRequest): Promise<DeviceAnswer>;
  /** A transfer that may take long, and is ended when nothing comes for a while. The body of a good answer goes to `take`. */
  download(request: DeviceRequest, take: TakeBytes): Promise<DeviceAnswer>;
}

/** Milliseconds of board time for a request, and of silence in a download. */
const limitMs = 30_000;
const largestBody = 1024 * 1024;
const noAnswer: DeviceAnswer = { status: 0, retryAfter: '', date: '', body: Buffer.alloc(0) };

const headersOf = ({ authorization, body, type, from = 0 }: DeviceRequest): Record<string, string | number> => ({
  connection: 'close',
  ...(authorization === '' ? {} : { authorization }),
  ...(from === 0 ? {} : { range: `bytes=${from}-` }),
  ...(body === undefined
    ? {}
    : { 'content-type': type ?? 'application/octet-stream', 'content-length': Buffer.byteLength(body) }),
});

const optionsOf = (server: DeviceServer, request: DeviceRequest): RequestOptions => ({
  host: server.host,
  port: server.port,
  method: request.method,
  path: server.base + request.path,
  agent: false,
  headers: headersOf(request),
  ...(server.localAddress === undefined ? {} : { localAddress: server.localAddress }),
});

const answerOf = (response: IncomingMessage, body: Buffer): DeviceAnswer => ({
  status: response.statusCode ?? 0,
  retryAfter: response.headers['retry-after'] ?? '',
  date: response.headers.date ?? '',
  body,
});

const isGood = (status: number | undefined): boolean => status === 200 || status === 206;

/** Reads an answer to its end; one that is cut short is none, but what was taken of it stays taken. */
const receive = (
  response: IncomingMessage,
  take: TakeBytes | undefined,
  settle: (answer: DeviceAnswer) => void,
): void => {
  const chunks: Buffer[] = [];
  let kept = 0;
  const status = response.statusCode ?? 0;
  response.on('data', (chunk: Buffer) => {
    if (take !== undefined && isGood(status)) return take(chunk, status);
    if (kept < largestBody) chunks.push(chunk);
    kept += chunk.length;
  });
  response.on('end', () => settle(response.complete ? answerOf(response, Buffer.concat(chunks)) : noAnswer));
  response.on('error', () => settle(noAnswer));
};

/** @throws Error when the signal is aborted; whatever the server or the network does is an answer. */
const talk = (
  server: DeviceServer,
  request: DeviceRequest,
  take: TakeBytes | undefined,
  clock: Clock,
  signal: AbortSignal | undefined,
): Promise<DeviceAnswer> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(abortReason(signal));
    const outgoing = httpRequest(optionsOf(server, request));
    const finish = (): void => {
      limit.cancel();
      signal?.removeEventListener('abort', onAbort);
      outgoing.destroy();
    };
    const settle = (answer: DeviceAnswer): void => {
      finish();
      resolve(answer);
    };
    const onAbort = (): void => {
      finish();
      reject(abortReason(signal));
    };
    const limit = clock.timer(request.limitMs ?? limitMs, () => settle(noAnswer));
    signal?.addEventListener('abort', onAbort, { once: true });
    outgoing.on('error', () => settle(noAnswer));
    outgoing.on('response', (response) => {
      if (take !== undefined) response.on('data', () => limit.refresh());
      receive(response, take, settle);
    });
    outgoing.end(request.body);
  });

export const createDeviceHttp = (server: DeviceServer, clock: Clock, signal?: AbortSignal): DeviceHttp => ({
  ask: (request) => talk(server, request, undefined, clock, signal),
  download: (request, take) => talk(server, request, take, clock, signal),
});

/** What the server said in a problem document, or the status, for a person. */
export const reasonOf = ({ status, body }: DeviceAnswer): string => {
  if (status === 0) return 'no answer';
  const detail = /"detail" *: *"([^"\\]*)"/.exec(body.toString('utf8'))?.[1];
  return `HTTP ${status}${detail === undefined ? '' : `: ${detail}`}`;
};

/** `key=value` lines; the first of a key counts. */
export const valuesOf = ({ body }: DeviceAnswer): Readonly<Record<string, string>> => {
  const values: Record<string, string> = {};
  for (const line of body.toString('utf8').split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) values[line.slice(0, at)] ??= line.slice(at + 1);
  }
  return values;
};
