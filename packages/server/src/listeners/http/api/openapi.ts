import * as contract from '@drover/contract';
import { apiBase, routes, type OperationId, type Route } from '@drover/contract';
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifySchema } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import * as z from 'zod';

/** Resources that get a name of their own in the document; what is not here is written out where it is used. */
const named = {
  Device: contract.Device,
  Image: contract.Image,
  ImageFacts: contract.ImageFacts,
  Upload: contract.Upload,
  Job: contract.Job,
  Build: contract.Build,
  BootSession: contract.BootSession,
  TimelineEntry: contract.TimelineEntry,
  TimelineMessage: contract.TimelineMessage,
  DomainEvent: contract.DomainEvent,
  Tenant: contract.Tenant,
  ApiKey: contract.ApiKey,
  ApiKeyCreated: contract.ApiKeyCreated,
  AuditEntry: contract.AuditEntry,
  Principal: contract.Principal,
  Problem: contract.Problem,
} as const;

const registry = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(named)) registry.add(schema, { id });

const introduction = `Raspberry Pis as cattle: images, devices, boot sessions and jobs.

Every request needs an API key: \`Authorization: Bearer <key>\`. Errors are problem+json (RFC 9457) whose \`code\` is stable and whose \`remedy\` says what to do.
Lists are pages: pass \`next\` as \`cursor\`. Creations take \`Idempotency-Key\`, so that a repeated request has one effect. Changes take \`If-Match\` with the ETag
of what you read. Event streams are server-sent events and go on after \`Last-Event-ID\`.`;

const problemResponse = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: contract.Problem } },
});

const refusals = (route: Route): Record<string, ReturnType<typeof problemResponse>> => ({
  '4XX': problemResponse(
    `Refused: ${[
      'request.invalid',
      'auth.missing',
      'auth.invalid',
      'auth.forbidden',
      ...(route.params === undefined ? [] : ['*.not-found']),
      ...(route.etag === true && route.method !== 'GET' ? ['precondition.failed'] : []),
      ...(route.idempotent === true ? ['idempotency.mismatch', 'idempotency.in-progress'] : []),
      ...(route.shownOnce === true ? ['answer.shown-once'] : []),
    ].join(', ')}`,
  ),
  '5XX': problemResponse('A fault, or the server is busy: server.fault, server.busy, storage.full'),
});

const bytes = {
  'application/octet-stream': { schema: z.any().meta({ type: 'string', format: 'binary' }) },
};

const text = { 'text/plain': { schema: z.string() } };

const answerOf = (route: Route) => {
  if (route.status === 204) return z.null().describe('Done');
  const json = { 'application/json': { schema: route.answer } };
  if (route.streams === 'answer-bytes') return { description: route.summary, content: bytes };
  if (route.streams === 'answer-text') return { description: route.summary, content: text };
  if (route.event === undefined) return { description: route.summary, content: json };
  const events = { 'text/event-stream': { schema: route.event } };
  return {
    description: `${route.summary}. Each message of the event stream has this data.`,
    content: route.answer instanceof z.ZodNull ? events : { ...json, ...events },
  };
};

/** Request headers an operation takes beside its key. */
const headersOf = (route: Route) => {
  const shape = {
    ...(route.idempotent === true
      ? { 'idempotency-key': z.string().max(128).optional().describe('Repeats of a creation carry the same key.') }
      : {}),
    ...(route.etag === true && route.method !== 'GET'
      ? { 'if-match': z.string().optional().describe('ETag the resource must still have.') }
      : {}),
    ...(route.streams === 'events'
      ? { 'last-event-id': z.string().optional().describe('Go on after this message of the stream.') }
      : {}),
  };
  return Object.keys(shape).length === 0 ? {} : { headers: z.looseObject(shape) };
};

const examples: Partial<Record<OperationId, object>> = {
  createDevice: { name: 'sign-17', mac: 'dc:a6:32:01:36:c2', model: 'pi4', labels: { rack: 'a' } },
  updateDevice: { labels: { rack: 'b' } },
  adoptDevice: { name: 'sign-17' },
  provision: { image: 'raspios:2026-10', selector: 'rack=a', rootMode: 'ram' },
  reimageDevice: { image: 'raspios:2026-11' },
  createImage: {
    name: 'raspios',
    version: '2026-10',
    source: { kind: 'url', url: 'https://example.org/raspios.img.xz' },
  },
  createBuild: { recipe: { kind: 'shipped', name: 'base' }, release: true },
  createUpload: { filename: 'raspios.img.xz', size: 480_000_000 },
  createTenant: { name: 'signage' },
  createKey: { name: 'ci', role: 'operator' },
};

/** A mistyped field is refused by name instead of being passed over. */
const bodyOf = (operation: OperationId, body: z.ZodType): z.ZodType => {
  const strict = body instanceof z.ZodObject ? body.strict() : body;
  const example = examples[operation];
  return example === undefined ? strict : strict.meta({ examples: [example] });
};

/** A row of the route table as fastify's schema: checks requests and describes the operation at once. */
export const schemaOf = (operation: OperationId): FastifySchema => {
  const route: Route = routes[operation];
  return {
    operationId: operation,
    tags: [route.tag],
    summary: route.summary,
    description: `Least role: \`${route.role}\`.`,
    security: [{ key: [] }, { header: [] }],
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(route.query === undefined ? {} : { querystring: route.query.strict() }),
    ...(route.body === undefined ? {} : { body: bodyOf(operation, route.body) }),
    ...headersOf(route),
    ...(route.streams === 'request-bytes' ? { consumes: ['application/octet-stream'] } : {}),
    response: { [route.status]: answerOf(route), ...refusals(route) },
  };
};

const transformObject = createJsonSchemaTransformObject({ schemaRegistry: registry });

interface OpenApiDocument {
  paths?: Record<string, Record<string, { requestBody?: object }>>;
  components?: { schemas?: Record<string, unknown> };
}

/** What the generator leaves to us: bodies of bytes, and no schemas that nothing refers to. */
const finish = <T>(generated: T): T => {
  const document = generated as OpenApiDocument;
  const schemas = document.components?.schemas ?? {};
  for (const name of Object.keys(schemas)) {
    if (name.endsWith('Input') && name.slice(0, -'Input'.length) in schemas) Reflect.deleteProperty(schemas, name);
  }
  for (const route of Object.values<Route>(routes)) {
    if (route.streams !== 'request-bytes') continue;
    const operation = document.paths?.[apiBase + route.path]?.[route.method.toLowerCase()];
    if (operation === undefined) continue;
    operation.requestBody = {
      required: true,
      content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
    };
  }
  return generated;
};

/** Collects the routes registered after it; `app.swagger()` is the document once the application is ready. */
export const registerOpenApi = async (app: FastifyInstance, version: string): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Drover',
        description: introduction,
        version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          key: { type: 'http', scheme: 'bearer', description: 'API key' },
          header: { type: 'apiKey', in: 'header', name: 'X-Api-Key' },
        },
      },
    },
    hideUntagged: true,
    transform: createJsonSchemaTransform({ schemaRegistry: registry }),
    transformObject: (document) => finish(transformObject(document)),
  });
};

/** The OpenAPI 3.1 document of an application that is ready. */
export const openApiDocument = (app: FastifyInstance): object => app.swagger();
