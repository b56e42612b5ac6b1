import * as z from 'zod';
import { errorCodes, errorRemedies, errorTable, type ErrorCode } from './error-table.js';

export { cpiErrorOf, errorCodes, errorRemedies, errorTable, isPassing, type ErrorCode } from './error-table.js';

/** One thing wrong with one field: `field` is a dotted path (`labels.rack`), `remedy` says what to write instead. */
export const FieldError = z.object({ field: z.string(), message: z.string(), remedy: z.string().optional() });
export type FieldError = z.infer<typeof FieldError>;

/** RFC 9457 problem document. `type` is `urn:drover:error:<code>`. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.enum(errorCodes),
  detail: z.string(),
  remedy: z.string().optional(),
  errors: z.array(FieldError).optional(),
  /** What stands in the way, for example the devices that use an image. */
  conflicts: z.array(z.string()).optional(),
  requestId: z.string().optional(),
});
export type Problem = z.infer<typeof Problem>;

/** An expected refusal as a value. Use cases return it; listeners and the CLI show it. */
export interface Refusal {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly remedy?: string;
  readonly errors?: FieldError[];
  readonly conflicts?: string[];
}
export interface Success<T> {
  readonly ok: true;
  readonly value: T;
}
export type Result<T> = Success<T> | Refusal;

export const success = <T>(value: T): Success<T> => ({ ok: true, value });

export const refusal = (
  code: ErrorCode,
  detail: string,
  more: { remedy?: string; errors?: FieldError[]; conflicts?: string[] } = {},
): Refusal => ({ ok: false, code, detail, ...more });

/** A refusal on its way through code that cannot return values (streams, transactions). */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  constructor(refused: Refusal) {
    super(refused.detail);
    this.name = 'RefusedError';
    this.refusal = refused;
  }
}

export const problemOf = (refused: Refusal, requestId?: string): Problem => ({
  type: `urn:drover:error:${refused.code}`,
  title: errorTable[refused.code].title,
  status: errorTable[refused.code].status,
  code: refused.code,
  detail: refused.detail,
  remedy: refused.remedy ?? errorRemedies[refused.code],
  ...(refused.errors === undefined ? {} : { errors: refused.errors }),
  ...(refused.conflicts === undefined ? {} : { conflicts: refused.conflicts }),
  ...(requestId === undefined ? {} : { requestId }),
});
