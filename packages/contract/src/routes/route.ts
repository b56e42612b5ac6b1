import * as z from 'zod';
import type { Role } from '../primitives.js';

/** A part of a path that names a resource by id or by a name people use: a device by id, name, serial, MAC or prefix; an image by id or `name:version`. */
const Ref = z.string().min(1).max(255);
export const byRef = z.object({ ref: Ref });
export const byId = z.object({ id: z.string().min(1).max(64) });
export const none = z.null();

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  /** Below `/api/v2`, parameters in braces as OpenAPI writes them. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** The least role that may call it. */
  readonly role: Role;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: 200 | 201 | 202 | 204;
  readonly answer: z.ZodType;
  /** `etag`: answers carry ETag, changes honour If-Match. */
  readonly etag?: boolean;
  /** Creation honours Idempotency-Key. */
  readonly idempotent?: boolean;
  /** The answer holds a secret: it is not kept, and a repeated request is refused with answer.shown-once. */
  readonly shownOnce?: boolean;
  /** Body or answer is not JSON: bytes, a text of unknown length, or an event stream. */
  readonly streams?: 'request-bytes' | 'answer-bytes' | 'answer-text' | 'events';
  /** `data` of each message of an event stream. */
  readonly event?: z.ZodType;
}
