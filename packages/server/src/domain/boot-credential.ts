import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Session secrets are derived, never stored: both planes hold the boot key, so either can make the same bytes again after a restart, and a copy of the
 * database holds nothing a board could be impersonated with.
 */

const hmac = (key: string, text: string): string =>
  createHmac('sha256', Buffer.from(key, 'hex')).update(text).digest('hex');

const equal = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/** The one-use secret of a session: 32 hex digits. `bootKey`: 64 hex digits. */
export const secretOf = (bootKey: string, session: string): string => hmac(bootKey, `secret:${session}`).slice(0, 32);

/** What the exchange of the secret grants: the board's nonce and a MAC over it. Says which session it is for only to those who hold the key. */
export const credentialOf = (bootKey: string, session: string, nonce: string): string =>
  `${nonce}.${hmac(bootKey, `credential:${session}:${nonce}`)}`;

/** Compares in constant time. */
export const isSecret = (bootKey: string, session: string, given: string): boolean =>
  equal(secretOf(bootKey, session), given);

const credentialForm = /^([0-9a-f]{32})\.[0-9a-f]{64}$/;

/** The nonce of a credential that is genuine for this session; undefined otherwise. Compares in constant time. */
export const nonceOfCredential = (bootKey: string, session: string, credential: string): string | undefined => {
  const nonce = credentialForm.exec(credential)?.[1];
  return nonce !== undefined && equal(credentialOf(bootKey, session, nonce), credential) ? nonce : undefined;
};

/** What is stored of a nonce. */
export const nonceHash = (nonce: string): string => createHash('sha256').update(nonce).digest('hex');

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * When a session was opened, in ms since the epoch: the first ten characters of a ULID are its 48-bit time (ULID specification, "Encoding"). Undefined
 * for what is no session id.
 */
export const openedAtOf = (session: string): number | undefined => {
  if (!/^bs_[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(session)) return undefined;
  return [...session.slice(3, 13)].reduce((time, digit) => time * 32 + crockford.indexOf(digit), 0);
};

/** When the secret of a session ends, in ms since the epoch. */
export const secretExpiry = (openedAt: number, ttlSeconds: number): number => openedAt + ttlSeconds * 1000;
