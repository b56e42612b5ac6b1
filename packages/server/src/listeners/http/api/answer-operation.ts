import {
  refusal,
  type BytesOperation,
  type Principal,
  type Refusal,
  type Result,
  type Route,
  type TextOperation,
} from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { faultRefusal, refusalOf, sendProblem } from '../problem.js';
import { sendAnswer } from './answer.js';
import { contextOf, ifMatchOf, requestSignal } from './context.js';
import type { RequestContext } from './handlers.js';
import { answerOnce, idempotencyKeyOf, type StoredAnswer } from './idempotency.js';
import { auditRequest, type Operation } from './operation.js';

type AnyHandler = (context: RequestContext, request: unknown) => Promise<Result<unknown>>;

const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'ok' in value && value.ok === false;

/** Runs the handler; a fault becomes a refusal that tells nothing, and a line in the log that tells all. */
const runHandler = async (
  operation: Operation,
  context: RequestContext,
  request: FastifyRequest,
): Promise<Result<unknown>> => {
  const { id, deps } = operation;
  const handler = deps.handlers[id as Exclude<typeof id, BytesOperation | TextOperation>] as AnyHandler;
  const { params, query, body } = request;
  try {
    return await handler(context, { params, query, body });
  } catch (error) {
    const known = refusalOf(error);
    if (known !== undefined) return known;
    if (context.signal.aborted) return refusal('server.busy', 'The request was broken off.');
    deps.log.error({ err: error, operation: id, requestId: request.id }, 'a request failed');
    return faultRefusal();
  }
};

/** Carries a request out and leaves its row in the audit trail. */
const carryOut = async (
  operation: Operation,
  context: RequestContext,
  request: FastifyRequest,
): Promise<Result<unknown>> => {
  const result = await runHandler(operation, context, request);
  const { method, streams } = operation.route;
  // The parts of an upload are not worth a row each: its creation and its import have theirs.
  if (method !== 'GET' && streams === undefined) {
    const who = context.principal;
    await auditRequest(
      operation,
      request,
      result.ok ? { who, outcome: 'ok', answer: result.value } : { who, outcome: result.code },
    );
  }
  return result;
};

/** Parsing drops whatever a record has beyond the contract, hashes above all. */
const storedAnswer =
  (route: Route) =>
  (value: unknown): StoredAnswer => ({
    status: route.status,
    body: route.status === 204 ? '' : JSON.stringify(route.answer.parse(value)),
  });

/** Of an answer with a secret only what it was about is kept. */
const keptAnswer = (route: Route): ((value: unknown) => StoredAnswer) =>
  route.shownOnce === true
    ? (value) => ({ status: route.status, body: JSON.stringify({ id: (value as { id?: unknown }).id }) })
    : storedAnswer(route);

const shownOnce = ({ body }: StoredAnswer): Refusal => {
  const { id } = JSON.parse(body) as { id: string };
  return refusal(
    'answer.shown-once',
    `The first request with this idempotency key made ${id}, and its answer was sent then.`,
    {
      remedy: `If it got lost, undo that one (an API key: drover key revoke ${id}) and ask under a fresh idempotency key.`,
    },
  );
};

/** The fastify handler of an operation that answers with JSON, or with nothing. */
export const answerOperation =
  (operation: Operation) =>
  async (request: FastifyRequest, reply: FastifyReply, who: Principal): Promise<FastifyReply> => {
    const { route, deps } = operation;
    const ifMatch = route.etag === true && route.method !== 'GET' ? ifMatchOf(request.headers['if-match']) : undefined;
    if (isRefusal(ifMatch)) return sendProblem(reply, ifMatch, request.id);
    const key = route.idempotent === true ? idempotencyKeyOf(request.headers['idempotency-key']) : undefined;
    if (isRefusal(key)) return sendProblem(reply, key, request.id);

    const context = contextOf(request, who, ifMatch, requestSignal(reply, deps.stopping));
    const answer = storedAnswer(route);
    if (key === undefined) {
      const result = await carryOut(operation, context, request);
      if (!result.ok) return sendProblem(reply, result, request.id);
      return sendAnswer(reply, request, route, answer(result.value));
    }
    const { method, url: path, body } = request;
    const result = await answerOnce(
      deps.idempotency,
      { who, key, method, path, body },
      { run: (also) => carryOut(operation, { ...context, also }, request), answer, keep: keptAnswer(route) },
    );
    if (!result.ok) return sendProblem(reply, result, request.id);
    if (result.value.replayed && route.shownOnce === true)
      return sendProblem(reply, shownOnce(result.value), request.id);
    if (result.value.replayed) void reply.header('idempotency-replayed', 'true');
    return sendAnswer(reply, request, route, result.value);
  };
