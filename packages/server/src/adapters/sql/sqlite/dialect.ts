import {
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
} from 'kysely';
import { SqliteDriver, type SqliteSettings } from './driver.js';

/** SQLite rolls back changes of tables as any others; kysely's own adapter does not count on it because some libraries get it wrong. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** kysely on @photostructure/sqlite. Two processes that migrate at once are kept apart by BEGIN IMMEDIATE. */
export class SqliteDialect implements Dialect {
  readonly #settings: SqliteSettings;

  constructor(settings: SqliteSettings) {
    this.#settings = settings;
  }

  createDriver(): Driver {
    return new SqliteDriver(this.#settings);
  }

  createQueryCompiler(): QueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): DialectAdapter {
    return new TransactionalSqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>): DatabaseIntrospector {
    return new SqliteIntrospector(db);
  }
}
