import type { OperationId, Principal, Route } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from '../../../app/ports.js';
import type { Audit } from '../../../app/tenants/audit.js';
import type { Idempotency } from '../../../app/tenants/idempotency.js';
import { refuseDemo } from '../../../domain/demo.js';
import { sendProblem } from '../problem.js';
import { refuseForeign } from '../web/own-request.js';
import { cookieTakenAway, tokenOf } from '../web/session-cookie.js';
import { authenticateRequest, type Authenticated, type AuthenticationDeps } from './authentication.js';
import type { BytesHandlers, Handlers, StreamHandlers, TextHandlers } from './handlers.js';

export interface ApiDeps extends AuthenticationDeps {
  readonly handlers: Handlers;
  readonly streams: StreamHandlers;
  readonly bytes: BytesHandlers;
  readonly texts: TextHandlers;
  readonly idempotency: Idempotency;
  /** How people reach the server, where the settings say it. */
  readonly publicUrl: string | undefined;
  /** Writes one row of the audit trail, now. */
  readonly audit: Pick<Audit, 'append'>;
  readonly log: Log;
  readonly stopping: AbortSignal;
  /** Event streams open at once, so that a flood of readers cannot take every socket. */
  readonly maxEventStreams: number;
  readonly heartbeatMs: number;
  streamOpened(): void;
  streamClosed(): void;
}

/** One row of the route table with what carries it out. */
export interface Operation {
  readonly id: OperationId;
  readonly route: Route;
  readonly deps: ApiDeps;
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** What a change was about: the thing that came out, else the one that was named. */
const subjectOf = (request: FastifyRequest, answer: unknown): string | null => {
  const params = (request.params ?? {}) as Record<string, unknown>;
  const id = typeof answer === 'object' && answer !== null && 'id' in answer ? answer.id : undefined;
  return text(id) ?? text(params['id']) ?? text(params['ref']);
};

/** One row of the audit trail. `outcome` is `ok` or the code of the refusal. */
export const auditRequest = async (
  { id, deps }: Operation,
  request: FastifyRequest,
  { who, outcome, answer }: { who: Principal | undefined; outcome: string; answer?: unknown },
): Promise<void> => {
  try {
    await deps.audit.append({
      key: who?.key ?? null,
      keyName: who?.name ?? 'unknown',
      tenant: who?.tenant ?? null,
      operation: id,
      subject: subjectOf(request, answer),
      outcome,
      address: request.ip,
      requestId: request.id,
    });
  } catch (error) {
    deps.log.error({ err: error, operation: id, requestId: request.id }, 'the audit trail could not be written');
  }
};

/** By its key; else by the cookie of the dashboard, which nothing but its own pages may change something with. */
const authenticate = async ({ deps, route }: Operation, request: FastifyRequest): Promise<Authenticated> => {
  const { method, headers, host, ip: address } = request;
  const session = tokenOf(headers);
  const result = await authenticateRequest(deps, { headers, address, needed: route.role, session });
  if (!result.ok || result.by === 'key') return result;
  const refused = refuseForeign({ method, headers, host, publicUrl: deps.publicUrl });
  return refused === undefined ? result : { ok: false, refused, principal: result.principal, audit: true };
};

/** Before a body is read: whose key is this, and does its role suffice. */
export const authenticateOperation =
  (operation: Operation) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const result = await authenticate(operation, request);
    if (result.ok) {
      const refused = refuseDemo(result.principal, operation.id);
      if (refused !== undefined) return sendProblem(reply, refused, request.id);
      request.principal = result.principal;
      request.isStillAllowed = result.isStillAllowed;
      return undefined;
    }
    // A flood of refusals leaves no flood of rows: it must not fill the disk.
    if (result.audit) {
      await auditRequest(operation, request, { who: result.principal, outcome: result.refused.code });
    }
    if (result.sessionOver === true) void reply.header('set-cookie', cookieTakenAway(request.protocol === 'https'));
    return sendProblem(reply, result.refused, request.id);
  };
