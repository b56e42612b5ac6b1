import * as z from 'zod';

/**
 * The one error table: every refusal Drover can answer with. HTTP listeners turn a row into problem+json (RFC 9457), the CLI into an
 * exit code, the CPI into its own error type. Codes are stable: they are part of the API.
 *
 * `exit`: 2 usage or bad input, 3 not found, 4 refused (state or conflict), 5 no right, 6 not reachable or busy, 1 fault.
 */
export const errorTable = {
  'request.invalid': { status: 400, exit: 2, title: 'The request is not valid' },
  'request.too-large': { status: 413, exit: 2, title: 'The request is too large' },
  'request.unsupported-media-type': { status: 415, exit: 2, title: 'The media type is not supported' },
  'request.cursor-invalid': { status: 400, exit: 2, title: 'The cursor is not valid' },
  'request.range-invalid': { status: 416, exit: 2, title: 'The range is not satisfiable' },
  'route.not-found': { status: 404, exit: 3, title: 'There is nothing at this address' },
  'method.not-allowed': { status: 405, exit: 2, title: 'The method is not allowed here' },
  'auth.key-required': { status: 400, exit: 5, title: 'An API key is needed' },
  'auth.missing': { status: 401, exit: 5, title: 'An API key is needed' },
  'auth.invalid': { status: 401, exit: 5, title: 'The API key is not known, expired or revoked' },
  'auth.forbidden': { status: 403, exit: 5, title: 'This key may not do that' },
  'auth.throttled': { status: 429, exit: 6, title: 'Too many refused attempts from this address' },
  'precondition.failed': { status: 412, exit: 4, title: 'It was changed by somebody else meanwhile' },
  'idempotency.mismatch': { status: 422, exit: 2, title: 'This idempotency key was used for another request' },
  'idempotency.in-progress': {
    status: 409,
    exit: 6,
    title: 'The first request with this idempotency key is still at work',
  },
  'answer.shown-once': { status: 409, exit: 4, title: 'The answer was shown once and is not kept' },
  'tenant.not-found': { status: 404, exit: 3, title: 'No such tenant' },
  'quota.exceeded': { status: 409, exit: 4, title: 'The tenant may not have more' },
  'tenant.exists': { status: 409, exit: 4, title: 'A tenant of that name exists' },
  'key.not-found': { status: 404, exit: 3, title: 'No such API key' },
  'key.exists': { status: 409, exit: 4, title: 'This API key is known already' },
  'key.last-admin': { status: 409, exit: 4, title: 'The last admin key stays' },
  'boot-config.not-found': { status: 404, exit: 3, title: 'There is no such boot config' },
  'boot-config.too-many': { status: 409, exit: 4, title: 'There are too many boot configs' },
  'device.not-found': { status: 404, exit: 3, title: 'No such device' },
  'device.ambiguous': { status: 409, exit: 2, title: 'More than one device fits' },
  'device.state': { status: 409, exit: 4, title: 'The device is not in a state that allows this' },
  'device.none-available': { status: 409, exit: 4, title: 'No device that fits is available' },
  'device.identity-conflict': { status: 409, exit: 4, title: 'Another device has that identity' },
  'device-file.not-found': { status: 404, exit: 3, title: 'The device has no such file' },
  'request.not-found': { status: 404, exit: 3, title: 'No such request for a device' },
  'request.ended': { status: 409, exit: 4, title: 'This request no longer waits' },
  'power.failed': { status: 502, exit: 6, title: 'The power of the device could not be switched' },
  'power.unsupported': { status: 409, exit: 4, title: 'The power of the device cannot be switched like that' },
  'disk.not-found': { status: 404, exit: 3, title: 'No such disk' },
  'disk.exists': { status: 409, exit: 4, title: 'A disk of that id or name exists' },
  'disk.in-use': { status: 409, exit: 4, title: 'The disk is in use' },
  'disk.not-attached': { status: 409, exit: 4, title: 'The disk is not attached there' },
  'disk.broken': { status: 422, exit: 1, title: 'The disk is damaged' },
  'disk.invalid': { status: 400, exit: 2, title: 'A disk cannot be like that' },
  'backup.not-found': { status: 404, exit: 3, title: 'No such backup' },
  'backup.in-use': { status: 409, exit: 4, title: 'The backup is in use' },
  'backup.not-ready': { status: 409, exit: 4, title: 'The backup is not ready' },
  'snapshot.not-found': { status: 404, exit: 3, title: 'No such snapshot' },
  'image.not-found': { status: 404, exit: 3, title: 'No such image' },
  'image.exists': { status: 409, exit: 4, title: 'An image of that name and version exists' },
  'image.in-use': { status: 409, exit: 4, title: 'The image is in use' },
  'image.not-ready': { status: 409, exit: 4, title: 'The image is not ready' },
  'image.unfit': { status: 422, exit: 4, title: 'The image does not fit' },
  'image.broken': { status: 422, exit: 2, title: 'The image is broken' },
  'image.unsupported': { status: 422, exit: 2, title: 'The image is of a kind Drover cannot read' },
  'image.digest-mismatch': { status: 422, exit: 2, title: 'The bytes do not match the expected sha256' },
  'image.too-large': { status: 422, exit: 2, title: 'The image is larger than allowed' },
  'image.source-unreachable': { status: 422, exit: 6, title: 'The image could not be fetched' },
  'recipe.not-found': { status: 404, exit: 3, title: 'No such recipe' },
  'recipe.invalid': { status: 422, exit: 2, title: 'The recipe cannot be used' },
  'build.not-found': { status: 404, exit: 3, title: 'No such build' },
  'build.unfinished': { status: 409, exit: 4, title: 'The build has not ended yet' },
  'build.pinned': { status: 409, exit: 4, title: 'The build is to be kept' },
  'card-key.state': { status: 409, exit: 4, title: 'The key that signs for cards is not in a state that allows this' },
  'card.not-promised': { status: 404, exit: 3, title: 'This is not what the card was promised last' },
  'card.disk-refused': { status: 409, exit: 4, title: 'This disk is not made a card' },
  'card.damaged': { status: 422, exit: 1, title: 'The card does not keep what is written to it' },
  'upload.not-found': { status: 404, exit: 3, title: 'No such upload' },
  'upload.offset-mismatch': { status: 409, exit: 4, title: 'The upload stands at another offset' },
  'upload.in-use': { status: 409, exit: 4, title: 'The upload is in use' },
  'upload.incomplete': { status: 409, exit: 4, title: 'The upload is not complete' },
  'job.not-found': { status: 404, exit: 3, title: 'No such job' },
  'job.unfinished': { status: 409, exit: 4, title: 'The job has not ended yet' },
  'job.finished': { status: 409, exit: 4, title: 'The job is finished' },
  'job.cancelled': { status: 409, exit: 4, title: 'The job was cancelled' },
  'session.not-found': { status: 404, exit: 3, title: 'No such boot session' },
  'card.refused': { status: 403, exit: 4, title: 'This card may not boot here' },
  'session.credential-refused': { status: 403, exit: 5, title: 'The session credential is refused' },
  'blob.not-found': { status: 404, exit: 3, title: 'No such blob' },
  'blob.corrupt': { status: 500, exit: 1, title: 'A stored blob is damaged' },
  'storage.full': { status: 507, exit: 4, title: 'The data folder is full' },
  'tool.missing': { status: 500, exit: 1, title: 'A system tool is missing' },
  'tool.failed': { status: 500, exit: 1, title: 'A system tool failed' },
  'server.busy': { status: 503, exit: 6, title: 'The server is busy; try again' },
  'server.unreachable': { status: 503, exit: 6, title: 'The server cannot be reached' },
  'server.fault': { status: 500, exit: 1, title: 'The server made a mistake' },
} as const satisfies Record<string, { status: number; exit: number; title: string }>;

export type ErrorCode = keyof typeof errorTable;
export const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

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
  ...(refused.remedy === undefined ? {} : { remedy: refused.remedy }),
  ...(refused.errors === undefined ? {} : { errors: refused.errors }),
  ...(refused.conflicts === undefined ? {} : { conflicts: refused.conflicts }),
  ...(requestId === undefined ? {} : { requestId }),
});
