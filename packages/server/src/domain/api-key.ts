import type { ApiKey } from '@drover/contract';

/** `drv_` and 256 bits in base64url. The prefix lets secret scanners find a key that leaked. */
export const apiKeyPattern = /^drv_[A-Za-z0-9_-]{43}$/;

/** Any key there can be: those of ours, and those that were imported. */
export const anyKeyPattern = /^[\x21-\x7e]{8,128}$/;

/** Characters of a key of ours that stay visible. */
const hintLength = 10;

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Writes 32 bytes, given as 64 hex digits, as a key (base64url without padding, RFC 4648 section 5). */
export const apiKeyFrom = (hex: string): string => {
  const bits = [...hex].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('');
  let text = 'drv_';
  for (let at = 0; at < bits.length; at += 6) {
    text += alphabet.charAt(Number.parseInt(bits.slice(at, at + 6).padEnd(6, '0'), 2));
  }
  return text;
};

/** The beginning of a key, to tell it by. Of one that was imported, and may be short, a quarter at most. */
export const hintOf = (key: string): string =>
  key.slice(0, apiKeyPattern.test(key) ? hintLength : Math.min(4, Math.floor(key.length / 4)));

/** Why a key is no way in any more; undefined while it is one. Moments are RFC 3339 text in UTC. */
export const endOf = (key: Pick<ApiKey, 'expiresAt' | 'revokedAt'>, now: string): 'revoked' | 'expired' | undefined => {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt <= now ? 'expired' : undefined;
};
