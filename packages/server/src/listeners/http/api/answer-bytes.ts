import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { BytesOperation, Principal, Result } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../../../app/ports.js';
import { faultRefusal, refusalOf, sendProblem } from '../problem.js';
import { contextOf, requestSignal } from './context.js';
import type { MadeFile, RequestContext, SentFile } from './handlers.js';
import { auditRequest, type Operation } from './operation.js';

type AnyBytes = (context: RequestContext, request: unknown) => Promise<Result<SentFile | MadeFile>>;

interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range of a request (RFC 9110, 14.2), first and last byte. Undefined: all of it, as for a header that is not understood, for several ranges, and for
 * one that begins behind the end. `ifRange` (13.1.5): of another file it is no range.
 */
export function rangeOf(
  header: string | undefined,
  ifRange: string | undefined,
  { size, sha256 }: Pick<SentFile, 'size' | 'sha256'>,
): Span | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if ((from === '' && to === '') || (ifRange !== undefined && ifRange !== `"${sha256}"`)) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(size - 1, Number(to));
  return start <= end ? { start, end } : undefined;
}

interface Answer {
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: AsyncIterable<Uint8Array>;
}

const common = (filename: string): Record<string, string> => ({
  'content-type': 'application/octet-stream',
  'content-disposition': `attachment; filename="${filename}"`,
  'cache-control': 'private, no-cache',
});

const answerOf = (file: SentFile | MadeFile, request: FastifyRequest): Answer => {
  if (!('sha256' in file)) return { status: 200, headers: common(file.filename), bytes: file.stream() };
  const span = rangeOf(headerOf(request, 'range'), headerOf(request, 'if-range'), file);
  return { status: span === undefined ? 200 : 206, headers: headersOf(file, span), bytes: file.stream(span) };
};

/** Headers of a file: its length, and its digest (RFC 9530), so that a broken or changed download is noticed. */
const headersOf = ({ size, sha256, filename }: SentFile, span: Span | undefined): Record<string, string> => ({
  ...common(filename),
  'content-length': String(span === undefined ? size : span.end - span.start + 1),
  'accept-ranges': 'bytes',
  etag: `"${sha256}"`,
  'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
  ...(span === undefined ? {} : { 'content-range': `bytes ${span.start}-${span.end}/${size}` }),
});

const find = async (
  { deps, id }: Operation,
  context: RequestContext,
  request: FastifyRequest,
): Promise<Result<SentFile | MadeFile>> => {
  const handler = deps.bytes[id as BytesOperation] as AnyBytes;
  try {
    return await handler(context, { params: request.params, query: request.query });
  } catch (error) {
    const known = refusalOf(error);
    if (known !== undefined) return known;
    deps.log.error({ err: error, operation: id, requestId: request.id }, 'a request failed');
    return faultRefusal();
  }
};

const headerOf = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
};

/** The fastify handler of an operation that answers with a file. Whoever took the content of a disk is in the audit trail. */
export const answerBytes =
  (operation: Operation) =>
  async (request: FastifyRequest, reply: FastifyReply, who: Principal): Promise<FastifyReply> => {
    const { deps, id } = operation;
    const signal = requestSignal(reply, deps.stopping);
    const found = await find(operation, contextOf(request, who, undefined, signal), request);
    await auditRequest(operation, request, { who, outcome: found.ok ? 'ok' : found.code });
    if (!found.ok) return sendProblem(reply, found, request.id);
    return sendFile(request, reply, found.value, { signal, log: deps.log, operation: id });
  };

/** Sends a file, or the one range of it that was asked for. */
export const sendFile = async (
  request: FastifyRequest,
  reply: FastifyReply,
  file: SentFile | MadeFile,
  { signal, log, operation }: { readonly signal: AbortSignal; readonly log: Log; readonly operation: string },
): Promise<FastifyReply> => {
  const { status, headers, bytes } = answerOf(file, request);
  reply.hijack();
  reply.raw.writeHead(status, { ...headers, 'x-request-id': request.id });
  try {
    await pipeline(Readable.from(bytes, { objectMode: false }), reply.raw, { signal });
  } catch (error) {
    // The connection ends before the length that was promised: the caller knows.
    if (!signal.aborted) log.warn({ err: error, operation, requestId: request.id }, 'a download broke off');
    reply.raw.destroy();
  }
  return reply;
};
