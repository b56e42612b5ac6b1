import { BootDocument, refusal, type Refusal, type Result } from '@drover/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { CardBytes } from '../../../app/configs/card-cache.js';
import type { Cards } from '../../../app/configs/cards.js';
import { postedDocument } from '../../../domain/card-document.js';
import { sendProblem } from '../problem.js';
import { invalidRequest } from '../api/validation.js';
import { withKey, type AccessDeps, type Answer, type Asked } from './access.js';

export interface CattlepiDeps extends AccessDeps {
  readonly cards: Cards;
}

/** Somewhat more than a document may have, for the spaces between. */
const bodyLimit = 512 * 1024;
/** As the original answers what it has done. */
const done = '{"status":"ok"}';

const json = (reply: FastifyReply, text: string): FastifyReply => reply.type('application/json').send(text);

const paramOf = (request: FastifyRequest): string => (request.params as Record<string, string>)['id'] ?? '';

const invalidJson = refusal('request.invalid', 'The body is not one JSON object.', {
  remedy: 'Send a JSON object in UTF-8.',
  errors: [{ field: 'body', message: 'is not a JSON object' }],
});

/** Scripts send all kinds of Content-Type, or curl's own: what counts is the body. */
const objectIn = (body: unknown): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(String(body));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
};

/** Headers of a config, for both ways it is sent. */
export const configHeaders = ({ body, etag }: CardBytes) => ({
  'content-type': 'application/json',
  'content-length': body.length,
  'cache-control': 'private, no-cache',
  etag,
});

/** What changes or fails here is in the audit trail, as what goes through `/api/v2`. */
const audited = async <T>(
  { api }: CattlepiDeps,
  operation: string,
  { who }: Asked,
  request: FastifyRequest,
  result: Result<T>,
): Promise<Result<T>> => {
  const outcome = result.ok ? 'ok' : result.code;
  const { key, name: keyName, tenant } = who;
  const entry = { key, keyName, tenant, operation, subject: paramOf(request), outcome };
  await api.audit.append({ ...entry, address: request.ip, requestId: request.id }).catch((error: unknown) => {
    api.log.error({ err: error, operation, requestId: request.id }, 'the audit trail could not be written');
  });
  return result;
};

const post = async (deps: CattlepiDeps, asked: Asked, request: FastifyRequest): Promise<Result<null>> => {
  const body = objectIn(request.body);
  if (body === undefined) return invalidJson;
  const document = BootDocument.safeParse(postedDocument(body));
  if (!document.success) return invalidRequest('body', document.error);
  return deps.cards.post(asked.who, paramOf(request), document.data);
};

const say = ({ cards }: CattlepiDeps, { who }: Asked, request: FastifyRequest): Result<null> => {
  const { info } = objectIn(request.body) ?? {};
  return typeof info === 'string' ? cards.say(who, paramOf(request), info) : noInfo;
};

const noInfo: Refusal = refusal('request.invalid', 'info is missing: a text to be noted.', {
  remedy: 'Send {"info":"..."}.',
  errors: [{ field: 'info', message: 'is not a text' }],
});

/** The HTTP API of CattlePi: configs and tracks, below their own addresses. Images are in images.ts. */
export const registerCattlepi = async (app: FastifyInstance, deps: CattlepiDeps): Promise<void> => {
  const { cards } = deps;
  for (const method of ['GET', 'HEAD'] as const)
    app.route({
      ...{ method, url: '/ping', exposeHeadRoute: false },
      handler: async (_request, reply) => reply.header('cache-control', 'no-store').type('text/plain').send('ok\n'),
    });
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit }, (_request, body, parsed) => parsed(null, body));
    const route = (method: 'GET' | 'POST' | 'DELETE', url: string, answer: Answer): void => {
      scope.route({ method, url, exposeHeadRoute: false, bodyLimit, handler: withKey(deps, answer) });
    };
    const answered = (result: Result<unknown>, request: FastifyRequest, reply: FastifyReply, text = done) =>
      result.ok ? json(reply, text) : sendProblem(reply, result, request.id);

    route('GET', '/boot/:id/config', async ({ who, key, base }, request, reply) => {
      const found = await cards.config(who, key, paramOf(request));
      if (!found.ok) return sendProblem(reply, found, request.id);
      const bytes = found.value.bytes(base);
      void reply.headers(configHeaders(bytes));
      if (request.headers['if-none-match'] === bytes.etag) return reply.code(304).removeHeader('content-length').send();
      return reply.send(bytes.body);
    });
    route('POST', '/boot/:id/config', async (asked, request, reply) =>
      answered(await audited(deps, 'postCardConfig', asked, request, await post(deps, asked, request)), request, reply),
    );
    route('DELETE', '/boot/:id/config', async (asked, request, reply) => {
      const removed = await cards.remove(asked.who, paramOf(request));
      return answered(await audited(deps, 'deleteCardConfig', asked, request, removed), request, reply);
    });
    route('GET', '/track', async ({ who }, request, reply) => {
      const seen = await cards.seen(who);
      return answered(seen, request, reply, seen.ok ? JSON.stringify(seen.value) : '');
    });
    route('GET', '/track/:id', async ({ who }, request, reply) => {
      const lines = await cards.track(who, paramOf(request));
      return answered(lines, request, reply, lines.ok ? JSON.stringify(lines.value) : '');
    });
    route('POST', '/track/:id', async (asked, request, reply) => answered(say(deps, asked, request), request, reply));
  });
};
