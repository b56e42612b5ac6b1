import { refusal, type Principal, type Refusal, type Result } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { faultRefusal, refusalOf, sendProblem } from '../problem.js';
import { sendAnswer } from './answer.js';
import { contextOf, ifMatchOf, requestSignal } from './context.js';
import type { RequestContext } from './handlers.js';
import { fingerprintOf, idempotencyKeyOf, idempotencyRefusal, type StoredAnswer } from './idempotency.js';
import { auditRequest, type Operation } from './operation.js';

type AnyHandler = (context: RequestContext, request: unknown) => Promise<Result<unknown>>;

const isRefusal = (value: unknown): value is Refusal =>
  typeof value === 'object' && value !== null && 'ok' in value && value.ok === false;

/** Runs the handler; a fault becomes a refusal that tells nothing, and a line in the log that tells all. */
const carryOut = async (
  operation: Operation,
  context: RequestContext,
  request: FastifyRequest,
): Promise<Result<unknown>> => {
  const { id, deps } = operation;
  const handler = deps.handlers[id] as AnyHandler;
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

/** Carries a request out, leaves its row in the audit trail, and gives its answer as it will be sent. */
const answerFresh = async (
  operation: Operation,
  context: RequestContext,
  request: FastifyRequest,
): Promise<Result<StoredAnswer>> => {
  const { route } = operation;
  const result = await carryOut(operation, context, request);
  if (route.method !== 'GET' && route.streams === undefined) {
    const who = context.principal;
    await auditRequest(
      operation,
      request,
      result.ok ? { who, outcome: 'ok', answer: result.value } : { who, outcome: result.code },
    );
  }
  if (!result.ok) return result;
  // Parsing drops whatever a record has beyond the contract, hashes above all.
  const body = route.status === 204 ? '' : JSON.stringify(route.answer.parse(result.value));
  return { ok: true, value: { status: route.status, body } };
};

/** As {@link answerFresh}, but one effect however often the caller repeats itself under one Idempotency-Key. */
const answerOnce = async (
  operation: Operation,
  context: RequestContext,
  request: FastifyRequest,
  key: string,
): Promise<Result<StoredAnswer & { replayed?: true }>> => {
  const { idempotency } = operation.deps;
  const scope = context.principal.key;
  const begun = await idempotency.begin(scope, key, fingerprintOf(operation.id, request.params, request.body));
  if (begun.state === 'done') return { ok: true, value: { ...begun.answer, replayed: true } };
  if (begun.state !== 'begun') return idempotencyRefusal(begun.state, key);
  const result = await answerFresh(operation, context, request);
  if (result.ok) await idempotency.complete(scope, key, result.value);
  else await idempotency.forget(scope, key);
  return result;
};

/** The fastify handler of an operation that answers with JSON, or with nothing. */
export const answerOperation =
  (operation: Operation) =>
  async (request: FastifyRequest, reply: FastifyReply, principal: Principal): Promise<FastifyReply> => {
    const { route, deps } = operation;
    const ifMatch = route.etag === true && route.method !== 'GET' ? ifMatchOf(request.headers['if-match']) : undefined;
    if (isRefusal(ifMatch)) return sendProblem(reply, ifMatch, request.id);
    const key = route.idempotent === true ? idempotencyKeyOf(request.headers['idempotency-key']) : undefined;
    if (isRefusal(key)) return sendProblem(reply, key, request.id);
    const context = contextOf(request, principal, ifMatch, requestSignal(reply, deps.stopping));
    const result =
      key === undefined
        ? await answerFresh(operation, context, request)
        : await answerOnce(operation, context, request, key);
    if (!result.ok) return sendProblem(reply, result, request.id);
    if ('replayed' in result.value) void reply.header('idempotency-replayed', 'true');
    return sendAnswer(reply, request, route, result.value);
  };
