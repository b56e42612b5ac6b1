import { refusal } from '@drover/contract';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Ids, Log } from '../../../app/ports.js';
import { registerHealth, type Check } from '../health.js';
import { registerMetrics, type HttpMetrics } from '../metrics.js';
import { faultRefusal, refusalOf, sendProblem } from '../problem.js';
import { authenticateRequest } from './authentication.js';
import { registerBootPlane, type BootPlaneDeps } from './boot-plane.js';
import { openApiDocument, registerOpenApi } from './openapi.js';
import type { ApiDeps } from './operation.js';
import { registerPublished, type PublishedDeps } from '../cattlepi/images.js';
import { registerBakery, type BakeryDeps } from '../bakery/routes.js';
import { registerCattlepi } from '../cattlepi/routes.js';
import type { Cards } from '../../../app/configs/cards.js';
import { registerWeb, type Dashboard } from '../web/register.js';
import { methodsOf, registerApi } from './register.js';

export interface ApiAppDeps extends BootPlaneDeps {
  readonly api: ApiDeps;
  readonly published: Pick<PublishedDeps, 'published' | 'publicUrl'>;
  readonly cards: Cards;
  /** Undefined: there is no API of Bakery. */
  readonly bakery?: Omit<BakeryDeps, 'api'> | undefined;
  /** Undefined: there is no dashboard. */
  readonly dashboard?: Dashboard | undefined;
  readonly ids: Ids;
  readonly log: Log;
  readonly checks: readonly Check[];
  readonly metrics: HttpMetrics;
  /** Whether /metrics needs no key. */
  readonly openMetrics: boolean;
  readonly version: string;
  readonly maxBodySize: number;
  readonly trustProxy: boolean;
}

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

/** Below `/images/` a key may stand in the path. */
const loggedPath = (request: FastifyRequest): string =>
  pathOf(request)
    .replace(/^(\/+images\/+)(?!(?:global|own)(?:\/|$))[^/]+/, '$1[redacted]')
    .replace(/^(\/+k\/+)[^/]+/, '$1[redacted]');

/** A caller's own request id is kept where it is short and plain, so that it can be followed through proxies. */
const requestIdOf = (header: string | string[] | undefined, ids: Ids): string =>
  typeof header === 'string' && /^[A-Za-z0-9._-]{8,64}$/.test(header) ? header : ids.next('req');

const answerError = (log: Log) => (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
  const refused = refusalOf(error);
  if (refused !== undefined) return sendProblem(reply, refused, request.id);
  const status = (error as { statusCode?: number }).statusCode;
  if (status !== undefined && status >= 400 && status < 500) {
    return sendProblem(reply, refusal('request.invalid', (error as Error).message), request.id);
  }
  log.error({ err: error, route: request.routeOptions.url, requestId: request.id }, 'a request failed');
  return sendProblem(reply, faultRefusal(), request.id);
};

const answerNotFound = (request: FastifyRequest, reply: FastifyReply) => {
  const allowed = methodsOf(pathOf(request));
  if (allowed.length > 0) {
    void reply.header('allow', allowed.join(', '));
    return sendProblem(
      reply,
      refusal('method.not-allowed', `${request.method} is not something this address does.`, {
        remedy: `It does ${allowed.join(', ')}.`,
      }),
      request.id,
    );
  }
  return sendProblem(
    reply,
    refusal('route.not-found', 'There is nothing at this address.', {
      remedy: 'See /api/v2/openapi.json for what there is.',
    }),
    request.id,
  );
};

/** A line for each request: what changes or fails at info and above, reading at debug. Paths only, so no key and no secret gets in. */
const logAnswers = (app: FastifyInstance, log: Log, metrics: HttpMetrics): void => {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observe({ method: request.method, route, status: reply.statusCode, seconds: reply.elapsedTime / 1000 });
    const fields = {
      method: request.method,
      path: loggedPath(request),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
      requestId: request.id,
      address: request.ip,
      key: request.principal?.key,
    };
    if (reply.statusCode >= 500) log.warn(fields, 'request');
    else if (request.method === 'GET' || request.method === 'HEAD') log.debug(fields, 'request');
    else log.info(fields, 'request');
  });
};

const welcome = (version: string, dashboard: boolean): string =>
  [
    `Drover ${version}: Raspberry Pis as cattle.`,
    '',
    ...(dashboard ? ['Dashboard    /ui/'] : []),
    'API          /api/v2 (every request needs a key: Authorization: Bearer <key>)',
    'Description  /api/v2/openapi.json',
    'Health       /healthz  /readyz  /metrics',
    'Command line drover --help',
    '',
  ].join('\n');

const notForTenants = refusal('auth.forbidden', 'The metrics are those of the whole installation.', {
  remedy: 'Use a key that belongs to no tenant.',
});

/** /metrics counts boards and jobs, so it takes a key as everything does, unless the settings open it. */
const registerGuardedMetrics = async (
  app: FastifyInstance,
  { api, metrics, openMetrics }: ApiAppDeps,
): Promise<void> => {
  await app.register(async (scope) => {
    if (!openMetrics) {
      scope.addHook('onRequest', async (request, reply) => {
        const attempt = { headers: request.headers, address: request.ip, needed: 'reader' } as const;
        const result = await authenticateRequest(api, attempt);
        if (!result.ok) return sendProblem(reply, result.refused, request.id);
        return result.principal.tenant === null ? undefined : sendProblem(reply, notForTenants, request.id);
      });
    }
    registerMetrics(scope, metrics);
  });
};

/** The control plane's HTTP application: API, health, metrics, description. Not listening yet; see ../server.ts. */
export const createApiApp = async (deps: ApiAppDeps): Promise<FastifyInstance> => {
  const { api, ids, log, metrics } = deps;
  const app = fastify({
    logger: false,
    bodyLimit: deps.maxBodySize,
    trustProxy: deps.trustProxy,
    genReqId: (request) => requestIdOf(request.headers['x-request-id'], ids),
    return503OnClosing: false,
    routerOptions: { maxParamLength: 255, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => {
      void answerError(log)(error, request, reply);
    },
  });
  app.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
    if (api.stopping.aborted) {
      return sendProblem(reply, refusal('server.busy', 'The server is stopping.'), request.id);
    }
    return undefined;
  });
  // What is answered while stopping is the last of its connection: nobody waits for the rest of a body, or for the next request.
  app.addHook('onSend', async (_request, reply) => {
    if (api.stopping.aborted) void reply.header('connection', 'close');
  });
  app.setErrorHandler(answerError(log));
  app.setNotFoundHandler(answerNotFound);
  logAnswers(app, log, metrics);
  await registerOpenApi(app, deps.version);
  await registerApi(app, api);
  registerBootPlane(app, deps);
  registerPublished(app, { ...deps.published, api, log });
  if (deps.bakery !== undefined) await registerBakery(app, { ...deps.bakery, api });
  await registerCattlepi(app, { api, cards: deps.cards, publicUrl: deps.published.publicUrl });
  registerHealth(app, { checks: deps.checks, stopping: api.stopping });
  await registerGuardedMetrics(app, deps);
  if (deps.dashboard !== undefined) await registerWeb(app, deps.dashboard, api);
  const hasDashboard = deps.dashboard !== undefined;
  app.get('/', async (request, reply) =>
    hasDashboard && (request.headers.accept ?? '').includes('text/html')
      ? reply.redirect('/ui/', 302)
      : reply.type('text/plain; charset=utf-8').send(welcome(deps.version, hasDashboard)),
  );
  app.get('/api/v2/openapi.json', async (_request, reply) =>
    reply.type('application/json').send(JSON.stringify(openApiDocument(app))),
  );
  return app;
};
