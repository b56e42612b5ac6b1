import { PostgresDialect, type Dialect } from 'kysely';
import { createPool, type PostgresSettings } from './pool.js';

export const createPostgresDialect = (settings: PostgresSettings): Dialect =>
  new PostgresDialect({ pool: async () => createPool(settings) });
