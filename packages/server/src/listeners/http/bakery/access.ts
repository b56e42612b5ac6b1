import type { Readable } from 'node:stream';
import { errorTable, type Principal, type Refusal } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiDeps } from '../api/operation.js';
import { authenticateRequest } from '../api/authentication.js';

export interface BakeryAccess {
  readonly api: Pick<ApiDeps, 'authenticate' | 'throttle' | 'audit' | 'log' | 'stopping'>;
  /** Where nobody is asked for a key, and as whom they come in. */
  readonly open: readonly { readonly host: string; readonly port: number }[];
  readonly visitor: Principal;
}

/** An answer: a status and a JSON body, or bytes. */
export interface Answered {
  readonly status: number;
  readonly body?: unknown;
  readonly bytes?: Buffer;
  readonly stream?: { readonly size: number; readonly bytes: Readable };
}

export const answered = (status: number, body: unknown): Answered => ({ status, body });

/** As clients of Bakery expect an error: its text, no more. */
export const failed = (status: number, text: string): Answered => ({ status, body: { error: text } });

/** A refusal as Bakery would have put it; `statuses` are those that its clients look at. */
export const refusedAs = (
  { code, detail, remedy }: Refusal,
  statuses: Partial<Record<string, number>> = {},
): Answered =>
  failed(
    statuses[code] ?? errorTable[code].status,
    remedy === undefined ? detail : `${detail.replace(/\.?$/, '.')} ${remedy}`,
  );

export type BakeryHandler = (who: Principal, request: FastifyRequest) => Promise<Answered>;

const anyHost = new Set(['0.0.0.0', '::']);

/** Whether a request came in by one of these addresses of ours. */
function cameBy(open: BakeryAccess['open'], { socket }: FastifyRequest): boolean {
  const address = (socket.localAddress ?? '').replace(/^::ffff:/, '');
  return open.some(({ host, port }) => port === socket.localPort && (anyHost.has(host) || host === address));
}

/** Without a key, as Bakery was, on the addresses of the settings and nowhere else. */
export const withoutKey =
  ({ api, open, visitor }: BakeryAccess, operation: string, handler: BakeryHandler) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (!cameBy(open, request))
      return send(reply, failed(401, 'this address asks for a key: its base is /k/<key>/api/v1'));
    const answer = await handler(visitor, request);
    if (request.method !== 'GET') await audit(api, operation, visitor, request, answer);
    return send(reply, answer);
  };

/** Bakery's clients send no headers: the key is in the address, `/k/<key>/api/v1/...`. What changes something is in the audit trail. */
export const withPathKey =
  ({ api }: BakeryAccess, operation: string, handler: BakeryHandler) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { key = '' } = request.params as Record<string, string>;
    const headers = { ...request.headers, authorization: undefined, 'x-api-key': key };
    const result = await authenticateRequest(api, { headers, address: request.ip, needed: 'operator' });
    if (!result.ok) return send(reply, refusedAs(result.refused));
    const answer = await handler(result.principal, request);
    if (request.method !== 'GET') await audit(api, operation, result.principal, request, answer);
    return send(reply, answer);
  };

async function send(reply: FastifyReply, { status, body, bytes, stream }: Answered): Promise<FastifyReply> {
  void reply.code(status).header('cache-control', 'no-store');
  if (stream !== undefined)
    return reply.type('application/octet-stream').header('content-length', stream.size).send(stream.bytes);
  if (bytes !== undefined) return reply.type('application/octet-stream').send(bytes);
  return reply.type('application/json; charset=utf-8').send(body === undefined ? '' : JSON.stringify(body));
}

async function audit(
  { audit: trail, log }: BakeryAccess['api'],
  operation: string,
  { key, name: keyName, tenant }: Principal,
  request: FastifyRequest,
  { status }: Answered,
): Promise<void> {
  const { id, name } = request.params as Record<string, string>;
  const outcome = status < 400 ? 'ok' : String(status);
  const entry = { key, keyName, tenant, operation, subject: id ?? name ?? '', outcome };
  await trail.append({ ...entry, address: request.ip, requestId: request.id }).catch((error: unknown) => {
    log.error({ err: error, operation, requestId: request.id }, 'the audit trail could not be written');
  });
}

/** Waits until something is as wanted, a look every fifth of a second; undefined when it took too long. */
export async function settled<T>(
  look: () => Promise<T>,
  isSettled: (found: T) => boolean,
  ms: number,
): Promise<T | undefined> {
  const until = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (isSettled(found)) return found;
    if (Date.now() > until) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
