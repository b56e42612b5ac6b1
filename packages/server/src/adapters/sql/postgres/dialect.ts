import { CompiledQuery, PostgresDialect, type DatabaseConnection, type Dialect } from 'kysely';
import { createPool, type PostgresSettings } from './pool.js';

/** A server that died without closing its connection must not hold its locks for long. */
const idleInTransaction = '60s';
/** A lock that somebody holds longer than this: the request is refused as busy. */
const lockTimeout = '10s';

/**
 * What each connection needs: the schema of the tables, and that a commit is durable when it returns, even where the installation's default is less.
 * Stricter settings of the database stay.
 */
const prepareConnection = async (connection: DatabaseConnection, schema: string | undefined): Promise<void> => {
  await connection.executeQuery(
    CompiledQuery.raw(
      `select
        set_config('idle_in_transaction_session_timeout', $1, false),
        set_config('lock_timeout', $3, false),
        case when $2::text is not null then set_config('search_path', quote_ident($2), false) end,
        case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end`,
      [idleInTransaction, schema ?? null, lockTimeout],
    ),
  );
};

export const createPostgresDialect = (settings: PostgresSettings): Dialect =>
  new PostgresDialect({
    pool: async () => createPool(settings),
    onCreateConnection: (connection) => prepareConnection(connection, settings.schema),
  });
