import type { FastifyReply, FastifyRequest } from 'fastify';
import { refusal, type Principal, type Refusal } from '@drover/contract';
import type { RequestContext } from './handlers.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once the key was accepted; see register.ts. */
    principal: Principal | null;
    /** Whether whoever asked still may; set with `principal`. */
    isStillAllowed: (() => Promise<boolean>) | null;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // An operation without bytes has none to give.
}

const isIterable = (body: unknown): body is AsyncIterable<Uint8Array> =>
  typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

/** The one ETag of If-Match, `*` meaning any. A list is refused: nothing here has two versions at once. */
export const ifMatchOf = (header: string | undefined): string | undefined | Refusal => {
  if (header === undefined || header.trim() === '*') return undefined;
  const tag = /^\s*(?:W\/)?"?([^",\s]+)"?\s*$/.exec(header)?.[1];
  return tag === undefined
    ? refusal('request.invalid', 'If-Match does not hold one ETag.', {
        remedy: 'Send the ETag of the answer you last read, quotes included.',
        errors: [{ field: 'header.if-match', message: 'is not one ETag' }],
      })
    : `"${tag}"`;
};

/** An etag as the header wants it. */
export const quotedEtag = (etag: string): string => (etag.startsWith('"') ? etag : `"${etag}"`);

/** Aborts when the caller hangs up before the answer is out, or the server stops. */
export const requestSignal = (reply: FastifyReply, stopping: AbortSignal): AbortSignal => {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    gone.abort();
  });
  return AbortSignal.any([gone.signal, stopping]);
};

/** What handlers get to know of the request beside its parsed parts. */
export const contextOf = (
  request: FastifyRequest,
  principal: Principal,
  ifMatch: string | undefined,
  signal: AbortSignal,
): RequestContext => ({
  principal,
  requestId: request.id,
  address: request.ip,
  ifMatch,
  signal,
  also: undefined,
  bytes: isIterable(request.body) ? request.body : nothing(),
});
