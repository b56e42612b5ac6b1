import { RefusedError, refusal, type Principal, type Refusal } from '@drover/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { WebSessions } from '../../../app/tenants/web-sessions.js';
import type { ApiDeps } from '../api/operation.js';
import { sendProblem } from '../problem.js';
import { refuseForeign } from './own-request.js';
import { cookieTakenAway, cookieWith, tokenOf } from './session-cookie.js';

export interface SessionRouteDeps {
  readonly api: Pick<ApiDeps, 'throttle' | 'audit' | 'log' | 'publicUrl'>;
  readonly webSessions: WebSessions;
}

const LogIn = z.strictObject({ key: z.string().trim().min(1).max(200) });

const isSecure = (request: FastifyRequest): boolean => request.protocol === 'https';

const throttled = refusal('auth.throttled', 'Too many attempts with a wrong key came from this address.', {
  remedy: 'Wait a few seconds, and check the key.',
});

const noKey = refusal('request.invalid', 'There is no API key in this request.', {
  remedy: 'Send {"key": "drv_..."} as application/json.',
  errors: [{ field: 'key', message: 'is missing' }],
});

/** Who came in and who left is in the audit trail, as what they do meanwhile is. */
const audited = async (
  { audit, log }: SessionRouteDeps['api'],
  request: FastifyRequest,
  operation: 'logIn' | 'logOut',
  { who, outcome }: { who: Principal | undefined; outcome: string },
): Promise<void> => {
  const entry = { key: who?.key ?? null, keyName: who?.name ?? 'unknown', tenant: who?.tenant ?? null };
  const about = { operation, subject: null, outcome, address: request.ip, requestId: request.id };
  await audit.append({ ...entry, ...about }).catch((error: unknown) => {
    log.error({ err: error, operation, requestId: request.id }, 'the audit trail could not be written');
  });
};

const foreign = (deps: SessionRouteDeps, { method, headers, host }: FastifyRequest): Refusal | undefined =>
  refuseForeign({ method, headers, host, publicUrl: deps.api.publicUrl });

const logIn =
  (deps: SessionRouteDeps) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { api, webSessions } = deps;
    const refused = foreign(deps, request);
    if (refused !== undefined) return sendProblem(reply, refused, request.id);
    const body = LogIn.safeParse(request.body);
    if (!body.success) return sendProblem(reply, noKey, request.id);
    const { key } = body.data;
    if (api.throttle.refuses(request.ip, key)) return sendProblem(reply, throttled, request.id);
    const opened = await webSessions.open(key);
    if (!opened.ok) {
      const due = opened.code !== 'auth.invalid' || api.throttle.failed(request.ip, 'wrong-key');
      if (due) await audited(api, request, 'logIn', { who: undefined, outcome: opened.code });
      return sendProblem(reply, opened, request.id);
    }
    api.throttle.succeeded(key);
    const { principal, token, expiresAt, maxAgeSeconds } = opened.value;
    const former = tokenOf(request.headers);
    if (former !== undefined) await webSessions.close(former);
    await audited(api, request, 'logIn', { who: principal, outcome: 'ok' });
    return reply
      .header('set-cookie', cookieWith(token, maxAgeSeconds, isSecure(request)))
      .header('cache-control', 'no-store')
      .send({ principal, expiresAt });
  };

const logOut =
  (deps: SessionRouteDeps) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { api, webSessions } = deps;
    const refused = foreign(deps, request);
    if (refused !== undefined) return sendProblem(reply, refused, request.id);
    const token = tokenOf(request.headers);
    if (token !== undefined) {
      const who = await webSessions.authenticate(token);
      await webSessions.close(token);
      if (who.ok) await audited(api, request, 'logOut', { who: who.value, outcome: 'ok' });
    }
    return reply
      .code(204)
      .header('set-cookie', cookieTakenAway(isSecure(request)))
      .send();
  };

/** Nobody is an answer, too, and no refusal that the audit trail would have of everybody who opens the page to log in. */
const whoIsIn =
  ({ api: { throttle }, webSessions }: SessionRouteDeps) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const token = tokenOf(request.headers);
    void reply.header('cache-control', 'no-store');
    if (token === undefined) return reply.send({ principal: null });
    if (throttle.refuses(request.ip, token, 'wrong-session')) return sendProblem(reply, throttled, request.id);
    const found = await webSessions.authenticate(token);
    if (found.ok) {
      throttle.succeeded(token);
      return reply.send({ principal: found.value });
    }
    throttle.failed(request.ip, 'wrong-session');
    return reply.header('set-cookie', cookieTakenAway(isSecure(request))).send({ principal: null });
  };

/**
 * `POST /ui/session` lets somebody in who has an API key, `DELETE /ui/session` out again, `GET /ui/session` tells who is in. JSON only: no form can
 * send it.
 */
export const registerSessionRoutes = (app: FastifyInstance, deps: SessionRouteDeps): void => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: 4096 },
    (_request, body: string, done) => {
      try {
        // Leaving needs no body, and some clients send the header all the same.
        done(null, body === '' ? undefined : (JSON.parse(body) as unknown));
      } catch {
        done(new RefusedError(noKey));
      }
    },
  );
  app.get('/ui/session', whoIsIn(deps));
  app.post('/ui/session', logIn(deps));
  app.delete('/ui/session', logOut(deps));
};
