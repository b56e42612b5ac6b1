import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemOf, refusal, type ErrorCode } from '@drover/contract';

/** Answers that are not files: a few lines for boards, problem documents (RFC 9457) for what is refused. */

const send = (
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): void => {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
};

type Line = readonly [key: string, value: string | number];

/** `key=value` lines, see contract/device-api. */
export const sendLines = (
  response: ServerResponse,
  lines: readonly Line[] | Readonly<Record<string, string | number>>,
): void => {
  const pairs = Array.isArray(lines) ? (lines as readonly Line[]) : Object.entries(lines);
  const text = pairs.map(([key, value]) => `${key}=${value}\n`).join('');
  send(response, 200, 'text/plain; charset=us-ascii', text);
};

export const sendText = (response: ServerResponse, status: number, text: string): void =>
  send(response, status, 'text/plain; charset=us-ascii', text);

export const sendNothing = (response: ServerResponse): void => {
  response.writeHead(204, { 'cache-control': 'no-store' });
  response.end();
};

export function sendRefusal(
  response: ServerResponse,
  code: ErrorCode,
  detail: string,
  more: { readonly retryAfter?: number; readonly headers?: Record<string, string>; readonly remedy?: string } = {},
): void {
  const problem = problemOf(refusal(code, detail, more.remedy === undefined ? {} : { remedy: more.remedy }));
  const headers = {
    ...more.headers,
    ...(more.retryAfter === undefined ? {} : { 'retry-after': String(more.retryAfter) }),
  };
  send(response, problem.status, 'application/problem+json', JSON.stringify(problem), headers);
}

/** A body that was not read must not be taken for the next request. */
export const refuseBody = (request: IncomingMessage, response: ServerResponse, limit: number): void => {
  response.once('finish', () => request.destroy());
  sendRefusal(response, 'request.too-large', `The body may have ${limit} bytes.`, { headers: { connection: 'close' } });
};
