import { refusal, type Refusal } from '@drover/contract';
import type { IncomingHttpHeaders } from 'node:http';

export interface RequestOrigin {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  /** Name and port the caller asked by. */
  readonly host: string;
  /** `http.publicUrl` of the settings, where a proxy asks us by another name. */
  readonly publicUrl: string | undefined;
}

const hostOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).host : undefined;

/** Browsers leave Sec-Fetch-Site out over plain HTTP; then Origin says where a request is from (Fetch, section 3.2). */
const isSameOrigin = ({ headers, host, publicUrl }: RequestOrigin): boolean => {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin';
  const from = hostOf(headers.origin);
  return from !== undefined && (from === host.toLowerCase() || from === hostOf(publicUrl));
};

/**
 * Why a request that rides on the session cookie is not taken for one of the dashboard's own; undefined: it is. Reading is always allowed, as other sites cannot see
 * the answer. A change needs a header that no form can send, and the word of the browser that a page of ours sent it.
 */
export const refuseForeign = (request: RequestOrigin): Refusal | undefined => {
  if (request.method === 'GET' || request.method === 'HEAD') return undefined;
  if (request.headers['x-drover-ui'] === '1' && isSameOrigin(request)) return undefined;
  return refusal('auth.forbidden', 'This change did not come from a page of the dashboard.', {
    remedy:
      'Programs send an API key. Where a proxy stands before this server, it must pass the Host header on, or http.publicUrl must say its address.',
  });
};
