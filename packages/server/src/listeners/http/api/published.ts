import { refusal, type Principal } from '@drover/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Published } from '../../../app/builds/published.js';
import type { Log } from '../../../app/ports.js';
import { addressOf, indexPage, publishedFolder } from '../../../domain/published-builds.js';
import { sendProblem } from '../problem.js';
import { sendFile } from './answer-bytes.js';
import { authenticateRequest } from './authentication.js';
import { requestSignal } from './context.js';
import type { ApiDeps } from './operation.js';

export interface PublishedDeps {
  readonly published: Published;
  /** How people reach this server, where the settings say it; undefined: as the request did. */
  readonly publicUrl: string | undefined;
  readonly api: ApiDeps;
  readonly log: Log;
}

/**
 * Cards of CattlePi and download tools cannot always send a header, so the key may stand in the address here, and only here. Addresses are logged without what
 * follows the question mark.
 */
const headersWithKey = ({ headers, query }: FastifyRequest): FastifyRequest['headers'] => {
  const { apiKey } = query as Record<string, unknown>;
  const hasKey = headers.authorization !== undefined || headers['x-api-key'] !== undefined;
  return hasKey || typeof apiKey !== 'string' ? headers : { ...headers, 'x-api-key': apiKey };
};

const noAddress = refusal('request.invalid', 'The Host header of this request is no address.', {
  remedy: 'Ask by the name or the address of the server, or set http.publicUrl in the settings.',
});

type Answer = (
  asked: { readonly who: Principal; readonly base: string },
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>;

/** A route with a key of any role, for whoever may boot from what is here. */
const guarded =
  ({ api, publicUrl }: PublishedDeps, answer: Answer) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const attempt = { headers: headersWithKey(request), address: request.ip, needed: 'device' } as const;
    const result = await authenticateRequest(api, attempt);
    if (!result.ok) return sendProblem(reply, result.refused, request.id);
    const base = publicUrl?.replace(/\/+$/, '') ?? addressOf(request.protocol, request.host);
    if (base === undefined) return sendProblem(reply, noAddress, request.id);
    void reply.header('cache-control', 'private, no-cache');
    return answer({ who: result.principal, base }, request, reply);
  };

/** Published builds: index, files, and `info.sh` with addresses of this server. */
export function registerPublished(app: FastifyInstance, deps: PublishedDeps): void {
  const { published, api, log } = deps;
  const route = (path: string, answer: Answer): void => {
    app.route({ method: 'GET', url: publishedFolder + path, exposeHeadRoute: false, handler: guarded(deps, answer) });
  };
  route('/index.json', async ({ who, base }, _request, reply) => reply.send(await published.index(who, base)));
  for (const path of ['', '/index.html'])
    route(path, async ({ who, base }, _request, reply) =>
      reply.type('text/html; charset=utf-8').send(indexPage(await published.index(who, base))),
    );
  route('/:name/:version/:file', async ({ who, base }, request, reply) => {
    const { name = '', version = '', file = '' } = request.params as Record<string, string>;
    const found = await published.file(who, base, { name, version, file });
    if (!found.ok) return sendProblem(reply, found, request.id);
    if (found.value.kind === 'text') return reply.type('text/x-shellscript; charset=utf-8').send(found.value.text);
    const signal = requestSignal(reply, api.stopping);
    return sendFile(request, reply, found.value.content, { signal, log, operation: 'published' });
  });
}
