import { refusal, type Principal, type Result, type Route, type StreamOperation } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from '../problem.js';
import { contextOf, requestSignal } from './context.js';
import { writeEventStream } from './event-stream.js';
import type { RequestContext, StreamMessage } from './handlers.js';
import type { Operation } from './operation.js';

type AnyStream = (context: RequestContext, request: unknown) => Promise<Result<AsyncIterable<StreamMessage<unknown>>>>;

/** How many streams are open, shared by the operations of one listener. */
export interface StreamCount {
  open: number;
}

async function* checked(route: Route, messages: AsyncIterable<StreamMessage<unknown>>) {
  for await (const message of messages) {
    yield route.event === undefined ? message : { ...message, data: route.event.parse(message.data) };
  }
}

const begin = (reply: FastifyReply, requestId: string): void => {
  reply.hijack();
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // nginx would hold messages back otherwise.
    'x-accel-buffering': 'no',
    'x-request-id': requestId,
  });
};

/** The fastify handler of an operation that answers with server-sent events. */
export const answerStream =
  (operation: Operation, count: StreamCount) =>
  async (request: FastifyRequest, reply: FastifyReply, principal: Principal): Promise<FastifyReply> => {
    const { deps, id, route } = operation;
    if (count.open >= deps.maxEventStreams) {
      return sendProblem(reply, refusal('server.busy', 'Too many event streams are open.'), request.id);
    }
    const signal = requestSignal(reply, deps.stopping);
    const handler = deps.streams[id as StreamOperation] as AnyStream;
    const header = request.headers['last-event-id'];
    const { params, query } = request;
    const lastEventId = typeof header === 'string' && header !== '' ? header : undefined;
    const result = await handler(contextOf(request, principal, undefined, signal), { params, query, lastEventId });
    if (!result.ok) return sendProblem(reply, result, request.id);
    const isStillAllowed = request.isStillAllowed;
    begin(reply, request.id);
    count.open += 1;
    deps.streamOpened();
    try {
      await writeEventStream(reply.raw, checked(route, result.value), {
        signal,
        heartbeatMs: deps.heartbeatMs,
        stallMs: 30_000,
        stillAllowed: async () => isStillAllowed !== null && (await isStillAllowed()),
      });
    } catch (error) {
      if (!signal.aborted)
        deps.log.warn({ err: error, operation: id, requestId: request.id }, 'an event stream broke off');
    } finally {
      count.open -= 1;
      deps.streamClosed();
    }
    return reply;
  };
