import { refusal } from '@drover/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Published, Shelf } from '../../../app/builds/published.js';
import type { Log } from '../../../app/ports.js';
import { indexPage, publishedFolder } from '../../../domain/published-builds.js';
import { sendProblem } from '../problem.js';
import { sendFile } from '../api/answer-bytes.js';
import { requestSignal } from '../api/context.js';
import { withKey, type AccessDeps, type Answer, type Asked } from './access.js';

export interface PublishedDeps extends AccessDeps {
  readonly published: Published;
  readonly log: Log;
}

const notYours = refusal('auth.forbidden', 'These images are of another key.', {
  remedy: 'Ask below /images/global/, or below /images/ and your own key.',
});

/** Published builds: index, files, and `info.sh` with addresses of this server; and all builds that a key sees, below the key itself or `own`. */
export function registerPublished(app: FastifyInstance, deps: PublishedDeps): void {
  const { published, api, log } = deps;
  const route = (url: string, answer: Answer): void => {
    app.route({ method: 'GET', url, exposeHeadRoute: false, handler: withKey(deps, answer) });
  };
  const send = async (shelf: Shelf, { who, base }: Asked, request: FastifyRequest, reply: FastifyReply) => {
    const { name = '', version = '', file = '' } = request.params as Record<string, string>;
    const found = await published.file(who, base, { name, version, file }, shelf);
    if (!found.ok) return sendProblem(reply, found, request.id);
    if (found.value.kind === 'text') return reply.type('text/x-shellscript; charset=utf-8').send(found.value.text);
    const signal = requestSignal(reply, api.stopping);
    return sendFile(request, reply, found.value.content, { signal, log, operation: 'published' });
  };
  const global = (path: string, answer: Answer): void => route(publishedFolder + path, answer);
  global('/index.json', async ({ who, base }, _request, reply) => reply.send(await published.index(who, base)));
  for (const path of ['', '/index.html'])
    global(path, async ({ who, base }, _request, reply) =>
      reply.type('text/html; charset=utf-8').send(indexPage(await published.index(who, base))),
    );
  global('/:name/:version/:file', (asked, request, reply) => send('global', asked, request, reply));
  route('/images/:space/:name/:version/:file', async (asked, request, reply) => {
    const { space = '' } = request.params as Record<string, string>;
    if (space !== 'own' && space !== asked.key) return sendProblem(reply, notYours, request.id);
    return send('own', asked, request, reply);
  });
}
