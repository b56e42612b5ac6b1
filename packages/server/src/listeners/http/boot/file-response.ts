import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FileSource } from '../../../domain/boot-plan.js';
import { chooseRange, isUnchanged } from './ranges.js';
import { sendRefusal } from './reply.js';
import { sendFile, type SendDeps, type Sent } from './send-file.js';

export interface Served {
  readonly outcome: 'complete' | 'aborted' | 'failed';
  readonly bytes: number;
  /** Set when it is our fault. */
  readonly fault?: unknown;
}

/** Answers GET or HEAD with a file, one range, and the validators that let a board go on where it was cut off. */
export async function respondWithFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: FileSource,
  tag: string,
  deps: SendDeps,
): Promise<Served> {
  const etag = `"${tag}"`;
  const headers = {
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'no-store',
    'content-type': 'application/octet-stream',
  };
  if (isUnchanged(request.headers['if-none-match'], etag)) {
    response.writeHead(304, headers).end();
    return { outcome: 'complete', bytes: 0 };
  }
  const ifRange = request.headers['if-range'];
  const range = chooseRange(request.headers.range, typeof ifRange === 'string' ? ifRange : undefined, etag, file.size);
  if (range.kind === 'unsatisfiable') {
    sendRefusal(response, 'request.range-invalid', `The file has ${file.size} bytes.`, {
      headers: { 'content-range': `bytes */${file.size}` },
    });
    return { outcome: 'failed', bytes: 0 };
  }
  const [start, end] = range.kind === 'part' ? [range.start, range.end] : [0, file.size - 1];
  response.writeHead(range.kind === 'part' ? 206 : 200, {
    ...headers,
    'content-length': end - start + 1,
    ...(range.kind === 'part' ? { 'content-range': `bytes ${start}-${end}/${file.size}` } : {}),
  });
  if (request.method === 'HEAD') {
    response.end();
    return { outcome: 'complete', bytes: 0 };
  }
  return servedAs(await sendFile(response, file, start, end, deps));
}

const servedAs = ({ bytes, complete, fault }: Sent): Served => {
  if (complete) return { outcome: 'complete', bytes };
  return fault === undefined ? { outcome: 'aborted', bytes } : { outcome: 'failed', bytes, fault };
};
