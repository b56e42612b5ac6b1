import type { Kysely } from 'kysely';
import type { NewEvent } from '../../../app/events/ports.js';
import type { Tables } from '../schema.js';
import type { Traits } from '../traits.js';

/** What the repositories of one transaction share. */
export interface Context {
  readonly db: Kysely<Tables>;
  readonly traits: Traits;
  /** Events to be inserted when the work is done: see events.ts. */
  readonly pendingEvents: NewEvent[];
}
