import { refusal, type Principal, type Refusal, type Result } from '@drover/contract';
import type { Also } from '../../../app/store/ports.js';
import type { Idempotency } from '../../../app/tenants/idempotency.js';

/** An answer as it went out, to be sent again word for word. */
export interface StoredAnswer {
  readonly status: number;
  /** JSON text; empty for an answer without a body. */
  readonly body: string;
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

/** The same JSON text for the same value, however its keys were ordered. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value ?? null, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

export interface OnceRequest {
  readonly who: Principal;
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

export interface OnceWork {
  /** Does the work, handing `also` to its transaction where it can. */
  readonly run: (also: Also<unknown>) => Promise<Result<unknown>>;
  readonly answer: (value: unknown) => StoredAnswer;
  /** What is kept of it for a repetition. */
  readonly keep: (value: unknown) => StoredAnswer;
}

/** One effect however often a caller repeats itself under one Idempotency-Key: the first answer is kept and sent again. */
export const answerOnce = async (
  idempotency: Idempotency,
  { who, key, method, path, body }: OnceRequest,
  { run, answer, keep }: OnceWork,
): Promise<Result<StoredAnswer & { readonly replayed: boolean }>> => {
  const begun = await idempotency.begin(who, key, { method, path, body: canonicalJson(body) });
  if (!begun.ok) return begun;
  if (begun.value.kind === 'replay') {
    return { ok: true, value: { status: begun.value.status, body: begun.value.answer, replayed: true } };
  }
  const { token } = begun.value;
  let kept = false;
  const result = await run(async (tx, value) => {
    const { status, body: text } = keep(value);
    await idempotency.complete(token, status, text, tx);
    kept = true;
  });
  if (!result.ok) {
    await idempotency.abandon(token);
    return result;
  }
  const stored = keep(result.value);
  if (!kept) await idempotency.complete(token, stored.status, stored.body);
  return { ok: true, value: { ...answer(result.value), replayed: false } };
};
