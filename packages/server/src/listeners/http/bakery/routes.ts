import type { FastifyInstance } from 'fastify';
import { withoutKey, withPathKey, type BakeryAccess } from './access.js';
import { bakeformHandlers, type BakeformDeps } from './bakeforms.js';
import { boardHandlers, type BoardDeps } from './boards.js';
import { diskHandlers, type DiskDeps } from './disks.js';
import { fileHandlers, type FileDeps } from './files.js';

export interface BakeryDeps extends BakeryAccess, BoardDeps, DiskDeps, BakeformDeps, FileDeps {}

/** Of what is not an image: a file of a board, or JSON. */
const bodyLimit = 1024 * 1024;

/** Bakery's API below `/k/<key>/api/v1`, and below `/api/v1` where the settings let everybody in, for its clients as they are: see docs/api/bakery.md. */
export const registerBakery = async (app: FastifyInstance, deps: BakeryDeps): Promise<void> => {
  const calls = { ...bakeformHandlers(deps), ...boardHandlers(deps), ...diskHandlers(deps), ...fileHandlers(deps) };
  await app.register(async (scope) => {
    // Clients give all kinds of types, or none: what a body is, the call says.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (request, payload, done) => {
      const url = request.routeOptions.url ?? '';
      if (url.endsWith('/bakeforms/:name')) return done(null, payload);
      const chunks: Buffer[] = [];
      let size = 0;
      payload.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= bodyLimit) chunks.push(chunk);
      });
      payload.on('error', done);
      payload.on('end', () => {
        if (size > bodyLimit)
          return done(Object.assign(new Error(`a body has at most ${bodyLimit} bytes`), { statusCode: 413 }));
        const bytes = Buffer.concat(chunks);
        done(null, url.endsWith('/upload/:file') ? bytes : parsed(bytes));
      });
    });
    for (const [call, handler] of Object.entries(calls)) {
      const [method = '', path = ''] = call.split(' ');
      const route = { method, exposeHeadRoute: false };
      scope.route({
        ...{ ...route, url: `/k/:key/api/v1${path}` },
        handler: withPathKey(deps, `bakery ${call}`, handler),
      });
      if (deps.open.length > 0)
        scope.route({ ...route, url: `/api/v1${path}`, handler: withoutKey(deps, `bakery ${call}`, handler) });
    }
  });
};

/** What is no JSON is nothing: the call says what it misses. */
function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
