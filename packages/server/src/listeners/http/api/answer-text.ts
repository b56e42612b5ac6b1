import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Principal, Result, TextOperation } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from '../problem.js';
import { contextOf, requestSignal } from './context.js';
import type { RequestContext } from './handlers.js';
import type { Operation } from './operation.js';

type AnyText = (context: RequestContext, request: unknown) => Promise<Result<AsyncIterable<Uint8Array>>>;

/** The fastify handler of an operation that answers with a text whose length nobody knows yet. */
export const answerText =
  (operation: Operation) =>
  async (request: FastifyRequest, reply: FastifyReply, who: Principal): Promise<FastifyReply> => {
    const { deps, id } = operation;
    const signal = requestSignal(reply, deps.stopping);
    const handler = deps.texts[id as TextOperation] as AnyText;
    const { params, query } = request;
    const found = await handler(contextOf(request, who, undefined, signal), { params, query });
    if (!found.ok) return sendProblem(reply, found, request.id);
    reply.hijack();
    // What is told may say nothing for longer than a connection may be silent. One whose other end is gone is noticed below HTTP.
    reply.raw.socket?.setTimeout(0);
    reply.raw.socket?.setKeepAlive(true, 60_000);
    reply.raw.writeHead(200, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'x-request-id': request.id,
    });
    // The caller sees at once that there is an answer.
    reply.raw.flushHeaders();
    try {
      await pipeline(Readable.from(found.value, { objectMode: false }), reply.raw, { signal });
    } catch (error) {
      if (!signal.aborted) deps.log.warn({ err: error, operation: id, requestId: request.id }, 'a text broke off');
      reply.raw.destroy();
    }
    return reply;
  };
