import type { IncomingHttpHeaders } from 'node:http';

/** What a browser that is logged in to the dashboard holds. */
const name = 'drover_session';

/** The token of the session cookie (RFC 6265, section 5.4); undefined without one. */
export const tokenOf = ({ cookie = '' }: Pick<IncomingHttpHeaders, 'cookie'>): string | undefined => {
  for (const pair of cookie.split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
};

/** A Set-Cookie that scripts cannot read and other sites cannot have sent. `secure`: the request came by TLS. */
export const cookieWith = (token: string, maxAgeSeconds: number, secure: boolean): string =>
  `${name}=${token}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;

/** A Set-Cookie that takes it away. */
export const cookieTakenAway = (secure: boolean): string => cookieWith('', 0, secure);
