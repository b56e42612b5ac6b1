import { createHash } from 'node:crypto';
import { refusal, type Refusal } from '@drover/contract';

/** An answer as it went out, to be sent again word for word. */
export interface StoredAnswer {
  readonly status: number;
  /** JSON text; empty for an answer without a body. */
  readonly body: string;
}

/** Remembers what creations answered. One scope an API key, so that callers cannot meet in each other's keys. */
export interface IdempotencyStore {
  /** `begun`: ours to carry out. `done`: carried out before. `busy`: the first one is at work. `other`: the key was used for another request. */
  begin(
    scope: string,
    key: string,
    fingerprint: string,
  ): Promise<{ state: 'begun' | 'busy' | 'other' } | { state: 'done'; answer: StoredAnswer }>;
  complete(scope: string, key: string, answer: StoredAnswer): Promise<void>;
  /** It came to nothing: the same key may try again. */
  forget(scope: string, key: string): Promise<void>;
}

const maxLength = 128;

/** The header's key, or why it is none. Visible ASCII, so that it can be stored and logged as it is. */
export const idempotencyKeyOf = (header: string | string[] | undefined): string | undefined | Refusal => {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && header.length <= maxLength && /^[\x21-\x7e]+$/.test(header)) return header;
  return refusal('request.invalid', 'The Idempotency-Key is not usable.', {
    remedy: `Send one key of 1 to ${maxLength} visible ASCII characters, for example a UUID.`,
    errors: [{ field: 'header.idempotency-key', message: 'is not usable' }],
  });
};

const canonical = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  );
};

/** Same operation on the same thing with the same body, however the JSON was written. */
export const fingerprintOf = (operation: string, params: unknown, body: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([operation, canonical(params ?? null), canonical(body ?? null)]))
    .digest('hex');

export const idempotencyRefusal = (state: 'busy' | 'other', key: string): Refusal =>
  state === 'busy'
    ? refusal('idempotency.in-progress', `The first request with Idempotency-Key ${key} has not been answered yet.`, {
        remedy: 'Try again in a second with the same key.',
      })
    : refusal('idempotency.mismatch', `Idempotency-Key ${key} was used for another request.`, {
        remedy: 'Use a fresh key for each new creation, and the same one only to repeat it.',
      });
