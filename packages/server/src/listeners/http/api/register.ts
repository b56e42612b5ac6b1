import { apiBase, routes, type OperationId, type Route } from '@drover/contract';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { faultRefusal, sendProblem } from '../problem.js';
import { answerBytes } from './answer-bytes.js';
import { answerOperation } from './answer-operation.js';
import { answerText } from './answer-text.js';
import { answerStream, type StreamCount } from './answer-stream.js';
import { schemaOf } from './openapi.js';
import { authenticateOperation, type ApiDeps, type Operation } from './operation.js';
import { validatorCompiler } from './validation.js';

/** An operation with both forms gives events only to those who ask for them. */
const wantsEvents = (request: FastifyRequest, route: Route): boolean =>
  route.streams === 'events' &&
  (route.answer instanceof z.ZodNull || (request.headers.accept ?? '').includes('text/event-stream'));

/** `/devices/{ref}` as fastify writes it: `/devices/:ref`. */
const fastifyPath = (route: Route): string => apiBase + route.path.replace(/\{(\w+)\}/g, ':$1');

const answerTo = (operation: Operation) => {
  const { streams } = operation.route;
  if (streams === 'answer-bytes') return answerBytes(operation);
  return streams === 'answer-text' ? answerText(operation) : answerOperation(operation);
};

const registerOperation = (app: FastifyInstance, operation: Operation, count: StreamCount): void => {
  const { id, route } = operation;
  const answer = answerTo(operation);
  const stream = answerStream(operation, count);
  app.route({
    method: route.method,
    url: fastifyPath(route),
    schema: schemaOf(id),
    exposeHeadRoute: route.method === 'GET' && route.streams === undefined,
    onRequest: authenticateOperation(operation),
    handler: (request, reply) => {
      const { principal } = request;
      if (principal === null) return sendProblem(reply, faultRefusal(), request.id);
      return wantsEvents(request, route) ? stream(request, reply, principal) : answer(request, reply, principal);
    },
  });
};

/** Bodies as they come, for operations that take bytes: nothing is buffered and no size is too large. */
const acceptBytes = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => {
    done(null, payload);
  });
};

/** JSON, and nothing at all where a client sends the header without a body. */
const acceptJson = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body, done);
  });
};

/** Every operation of the route table below `/api/v2`. */
export const registerApi = async (app: FastifyInstance, deps: ApiDeps): Promise<void> => {
  app.decorateRequest('principal', null);
  app.decorateRequest('isStillAllowed', null);
  const count: StreamCount = { open: 0 };
  const operations = (Object.keys(routes) as OperationId[]).map((id): Operation => ({ id, route: routes[id], deps }));
  const scopeOf = (bytes: boolean) => async (scope: FastifyInstance) => {
    (bytes ? acceptBytes : acceptJson)(scope);
    scope.setValidatorCompiler(validatorCompiler);
    // Answers are parsed and written by answer-operation.ts; the response schemas only describe them.
    scope.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
    for (const operation of operations) {
      if ((operation.route.streams === 'request-bytes') === bytes) registerOperation(scope, operation, count);
    }
  };
  await app.register(scopeOf(false));
  await app.register(scopeOf(true));
};

/** Methods the table has for a path, to tell "not found" from "not allowed". */
export const methodsOf = (path: string): string[] =>
  Object.values(routes)
    .filter((route: Route) => new RegExp(`^${apiBase}${route.path.replace(/\{\w+\}/g, '[^/]+')}/?$`).test(path))
    .map((route) => route.method);
