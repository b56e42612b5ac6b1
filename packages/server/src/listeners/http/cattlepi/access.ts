import { refusal, type Principal } from '@drover/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { addressOf } from '../../../domain/published-builds.js';
import { sendProblem } from '../problem.js';
import { authenticateRequest, keyOf } from '../api/authentication.js';
import type { ApiDeps } from '../api/operation.js';

export interface AccessDeps {
  readonly api: ApiDeps;
  /** How people reach this server, where the settings say it; undefined: as the request did. */
  readonly publicUrl: string | undefined;
}

/**
 * Cards of CattlePi and download tools cannot always send a header, so the key may stand in the address here, and only here. Addresses are logged without what
 * follows the question mark.
 */
export const headersWithKey = ({
  headers,
  query,
}: Pick<FastifyRequest, 'headers' | 'query'>): FastifyRequest['headers'] => {
  const { apiKey } = (query ?? {}) as Record<string, unknown>;
  const hasKey = headers.authorization !== undefined || headers['x-api-key'] !== undefined;
  return hasKey || typeof apiKey !== 'string' ? headers : { ...headers, 'x-api-key': apiKey };
};

const keyRequired = refusal('auth.key-required', 'This request came without an API key.', {
  remedy: 'Send the header X-Api-Key, or add ?apiKey= to the address.',
});

const noAddress = refusal('request.invalid', 'The Host header of this request is no address.', {
  remedy: 'Ask by the name or the address of the server, or set http.publicUrl in the settings.',
});

/** Who asks, and how the server is reached. */
export interface Asked {
  readonly who: Principal;
  readonly key: string;
  readonly base: string;
}

export type Answer = (asked: Asked, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** The address of this server for whoever asks by this Host; undefined: it is none. */
export const baseOf = (publicUrl: string | undefined, scheme: string, host: string | undefined): string | undefined =>
  publicUrl?.replace(/\/+$/, '') ?? addressOf(scheme, host);

/** A route with a key of any role, for whoever may boot from what is here. Without a key it answers 400, as CattlePi does. */
export const withKey =
  ({ api, publicUrl }: AccessDeps, answer: Answer) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const headers = headersWithKey(request);
    const key = keyOf(headers);
    const result = await authenticateRequest(api, { headers, address: request.ip, needed: 'device' });
    if (key === undefined) return sendProblem(reply, keyRequired, request.id);
    if (!result.ok) return sendProblem(reply, result.refused, request.id);
    const base = baseOf(publicUrl, request.protocol, request.host);
    if (base === undefined) return sendProblem(reply, noAddress, request.id);
    void reply.header('cache-control', 'private, no-cache');
    return answer({ who: result.principal, key, base }, request, reply);
  };
