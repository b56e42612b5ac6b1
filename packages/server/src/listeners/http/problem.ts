import { errorTable, problemOf, RefusedError, refusal, type Problem, type Refusal } from '@drover/contract';
import type { FastifyReply } from 'fastify';

/** What fastify and Node throw before a handler is reached, by their error code. */
const frameworkErrors: Record<string, (message: string) => Refusal> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () =>
    refusal('request.too-large', 'The body is larger than this server takes.', {
      remedy: 'Send less at once, or raise http.maxBodySize in the settings.',
    }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    refusal('request.unsupported-media-type', 'The Content-Type of the body is not one this operation takes.', {
      remedy: 'Send application/json; bytes of an upload go as application/octet-stream.',
    }),
  FST_ERR_CTP_INVALID_JSON_BODY: (message) => invalidJson(message),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    refusal('request.invalid', 'The body is shorter or longer than its Content-Length says.'),
  FST_ERR_BAD_URL: () => refusal('request.invalid', 'The path of the request is not a valid URL path.'),
  FST_ERR_MAX_PARAM_LENGTH: () => refusal('request.invalid', 'A part of the path is too long.'),
};

const invalidJson = (message: string): Refusal =>
  refusal('request.invalid', `The body is not JSON: ${message}`, { remedy: 'Send one JSON document in UTF-8.' });

/** The refusal an error stands for, or undefined when it is a fault of ours. */
export const refusalOf = (error: unknown): Refusal | undefined => {
  if (error instanceof RefusedError) return error.refusal;
  if (!(error instanceof Error)) return undefined;
  const { code, statusCode } = error as Error & { code?: string; statusCode?: number };
  const known = code === undefined ? undefined : frameworkErrors[code];
  if (known !== undefined) return known(error.message);
  if (error instanceof SyntaxError && statusCode === 400) return invalidJson(error.message);
  return code === 'ENOSPC'
    ? refusal('storage.full', 'There is no room left on the disk of the data folder.', {
        remedy: 'Free some room, for example by deleting images and running `drover blob collect`.',
      })
    : undefined;
};

/** A fault as the caller sees it: where to look it up, and nothing of its inside. */
export const faultRefusal = (): Refusal =>
  refusal('server.fault', 'The server made a mistake; its log has more under this request id.', {
    remedy: 'Try again; if it comes back, report it with the request id.',
  });

/** Answers with problem+json (RFC 9457) and what HTTP wants beside some of them. */
export const sendProblem = (reply: FastifyReply, refused: Refusal, requestId: string): FastifyReply => {
  const problem: Problem = problemOf(refused, requestId);
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer realm="drover"');
  if (problem.status === 503) void reply.header('retry-after', '1');
  if (problem.status === 429) void reply.header('retry-after', '3');
  if (problem.code === 'idempotency.in-progress') void reply.header('retry-after', '2');
  return reply
    .code(problem.status)
    .header('content-type', 'application/problem+json')
    .header('cache-control', 'no-store')
    .header('x-request-id', requestId)
    .send(JSON.stringify(problem));
};

/** Statuses a problem can come with, for the OpenAPI document. */
export const problemStatuses: readonly number[] = [...new Set(Object.values(errorTable).map((row) => row.status))].sort(
  (a, b) => a - b,
);
