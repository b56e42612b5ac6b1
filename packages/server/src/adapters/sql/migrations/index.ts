import type { Migration } from 'kysely';
import type { Traits } from '../traits.js';
import { foundation } from './0001-foundation.js';
import { claims } from './0002-claims.js';

/** Every migration in order, for both databases. Released ones never change; a change of the tables is a new file. */
export const migrations = (traits: Traits): Record<string, Migration> => ({
  '0001-foundation': foundation(traits),
  '0002-claims': claims(traits),
});
