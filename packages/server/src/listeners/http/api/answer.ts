import type { Route } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { quotedEtag } from './context.js';
import type { StoredAnswer } from './idempotency.js';

const field = (body: unknown, name: string): string | undefined => {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** RFC 8288: where the next page is, for clients that follow links. */
const nextLink = (request: FastifyRequest, next: string): string => {
  const url = new URL(request.url, 'http://here');
  url.searchParams.set('cursor', next);
  return `<${url.pathname}${url.search}>; rel="next"`;
};

const places: Record<string, string> = { createDevice: 'devices', createImage: 'images', createUpload: 'uploads' };

/** Sends an answer's JSON text with the headers HTTP wants beside it: ETag, Link, Location; 304 where the caller has it already. */
export const sendAnswer = (
  reply: FastifyReply,
  request: FastifyRequest,
  route: Route,
  { status, body }: StoredAnswer,
): FastifyReply => {
  void reply.code(status).header('cache-control', 'no-store');
  if (body === '') return reply.send();
  const value: unknown = JSON.parse(body);
  const etag = route.etag === true ? field(value, 'etag') : undefined;
  if (etag !== undefined) {
    void reply.header('etag', quotedEtag(etag)).header('cache-control', 'private, no-cache');
    if (route.method === 'GET' && request.headers['if-none-match'] === quotedEtag(etag)) return reply.code(304).send();
  }
  const next = field(value, 'next');
  if (next !== undefined) void reply.header('link', nextLink(request, next));
  const id = field(value, 'id');
  const place = places[String(request.routeOptions.schema?.operationId)];
  if (id !== undefined && place !== undefined) void reply.header('location', `/api/v2/${place}/${id}`);
  return reply.type('application/json').send(body);
};
