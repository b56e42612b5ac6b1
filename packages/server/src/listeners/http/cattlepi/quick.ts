import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Cards } from '../../../app/configs/cards.js';
import type { HttpMetrics } from '../metrics.js';
import { baseOf } from './access.js';
import { configHeaders } from './routes.js';

/** Answers a request, or leaves it to the application: false. */
export type Quick = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface QuickDeps {
  readonly cards: Pick<Cards, 'quick'>;
  readonly publicUrl: string | undefined;
  readonly metrics: Pick<HttpMetrics, 'observe'>;
  readonly stopping: AbortSignal;
}

const route = '/boot/:id/config';
/** Nothing in it is encoded: what is goes the long way. */
const address = /^\/boot\/([A-Za-z0-9:._-]{1,128})\/config(?:\?apiKey=([A-Za-z0-9._~-]+))?$/;

/** Another form of the key, a question whether it changed, and an address that only a proxy knows. */
const unusual = ['authorization', 'if-none-match', 'x-forwarded-host', 'x-forwarded-proto'] as const;

/**
 * The config of a card that asked before. A thousand cards that look for news every ten minutes ask nothing else, so this way is short: no route, no query, no
 * line in the log. Everything unusual goes the long way, to the same answer.
 */
export const createQuick = ({ cards, publicUrl, metrics, stopping }: QuickDeps): Quick => {
  return (request, response) => {
    const { method, url, headers } = request;
    if (method !== 'GET' || url?.startsWith('/boot/') !== true || stopping.aborted) return false;
    if (unusual.some((name) => headers[name] !== undefined)) return false;
    const [, card, inAddress] = address.exec(url) ?? [];
    const given = headers['x-api-key'] ?? inAddress;
    if (card === undefined || typeof given !== 'string') return false;
    const base = baseOf(publicUrl, 'http', headers.host);
    if (base === undefined) return false;
    const began = performance.now();
    const known = cards.quick(given, card);
    if (known === undefined) return false;
    const bytes = known.bytes(base);
    response.writeHead(200, configHeaders(bytes));
    response.end(bytes.body);
    metrics.observe({ method, route, status: 200, seconds: (performance.now() - began) / 1000 });
    return true;
  };
};
