import { Migrator, sql, type Kysely } from 'kysely';
import { migrations } from './migrations/index.js';
import type { Tables } from './schema.js';
import type { Traits } from './traits.js';

/** The database was made by a Drover that knows more than this one. Nothing was changed. */
export class NewerDatabaseError extends Error {
  constructor(unknown: readonly string[]) {
    super(
      `The database was made by a newer Drover (it has ${unknown.join(', ')}, which this version does not know). ` +
        'Start that version again, or restore a backup from before the upgrade.',
    );
    this.name = 'NewerDatabaseError';
  }
}

/**
 * Brings the tables up to date. Safe when two servers start at once: the second waits for the first (an advisory lock on PostgreSQL, the write
 * lock on SQLite), and all pending migrations are one transaction.
 *
 * @param schema PostgreSQL schema of the tables, made when absent; undefined on SQLite.
 * @throws NewerDatabaseError
 */
export const migrate = async (db: Kysely<Tables>, traits: Traits, schema: string | undefined): Promise<void> => {
  const known = migrations(traits);
  await refuseNewer(db, Object.keys(known), schema);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => known },
    ...(schema === undefined ? {} : { migrationTableSchema: schema }),
  });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  await refuseNewer(db, Object.keys(known), schema);
  throw error instanceof Error ? error : new Error('the migration of the database failed', { cause: error });
};

const refuseNewer = async (db: Kysely<Tables>, known: readonly string[], schema: string | undefined): Promise<void> => {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((t) => t.name === 'kysely_migration' && (schema === undefined || t.schema === schema))) return;
  const table = schema === undefined ? sql.table('kysely_migration') : sql.table(`${schema}.kysely_migration`);
  const { rows } = await sql<{ name: string }>`select name from ${table} order by name`.execute(db);
  const unknown = rows.map((row) => row.name).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new NewerDatabaseError(unknown);
};
