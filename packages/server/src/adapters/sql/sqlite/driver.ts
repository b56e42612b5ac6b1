import { DatabaseSync, type DatabaseSyncInstance, type StatementSyncInstance } from '@photostructure/sqlite';
import { closeSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import { isBusy } from './errors.js';
import { createMutex, type Mutex } from '../mutex.js';

export interface SqliteSettings {
  readonly file: string;
  /** How long to wait for another process that writes, in ms. */
  readonly busyTimeoutMs: number;
}

/** Statements kept compiled. More than the repositories have, so that only lists with optional filters ever fall out. */
const statementCacheSize = 300;

/**
 * The library waits for a lock by blocking the thread, and with it the transaction of this very process that may hold the lock. So it waits this
 * short while only, and we come back without blocking until `busyTimeoutMs` is over.
 */
const blockingWaitMs = 5;

/**
 * Every query is synchronous, so a row of transactions would run without ever letting timers and sockets have a turn. Between two transactions they get
 * one after this long.
 */
const longestTurnMs = 5;

/** Creates the file for its owner alone, and makes its name durable, before SQLite opens it. */
const createFile = (file: string): void => {
  closeSync(openSync(file, 'a', 0o600));
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
};

class SqliteConnection implements DatabaseConnection {
  readonly #db: DatabaseSyncInstance;
  readonly #busyTimeoutMs: number;
  readonly #statements = new Map<string, { statement: StatementSyncInstance; returnsRows: boolean }>();
  leave: () => void = () => undefined;

  constructor(db: DatabaseSyncInstance, busyTimeoutMs: number) {
    this.#db = db;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const giveUpAt = performance.now() + this.#busyTimeoutMs;
    for (;;) {
      try {
        return this.#execute<R>(query);
      } catch (error) {
        if (!isBusy(error) || this.#db.isTransaction || performance.now() > giveUpAt) throw error;
        await sleep(blockingWaitMs);
      }
    }
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncGenerator<QueryResult<R>> {
    const { statement } = this.#prepare(query.sql);
    for (const row of statement.iterate(...query.parameters.map(bindable))) yield { rows: [row as R] };
  }

  /** Ends a transaction whatever its state. SQLite itself rolls back on some errors (a full disk), and then there is none. */
  rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('rollback');
  }

  setReadOnly(readOnly: boolean): void {
    this.#db.exec(`pragma query_only = ${readOnly ? 1 : 0}`);
  }

  #execute<R>(query: CompiledQuery): QueryResult<R> {
    const { statement, returnsRows } = this.#prepare(query.sql);
    const parameters = query.parameters.map(bindable);
    if (returnsRows) return { rows: statement.all(...parameters) as R[] };
    const { changes, lastInsertRowid } = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  #prepare(sql: string): { statement: StatementSyncInstance; returnsRows: boolean } {
    const known = this.#statements.get(sql);
    if (known !== undefined) {
      this.#statements.delete(sql);
      this.#statements.set(sql, known);
      return known;
    }
    const statement = this.#db.prepare(sql);
    const prepared = { statement, returnsRows: statement.columns().length > 0 };
    this.#statements.set(sql, prepared);
    if (this.#statements.size > statementCacheSize) {
      const [oldest] = this.#statements.keys();
      if (oldest !== undefined) this.#statements.delete(oldest);
    }
    return prepared;
  }
}

/** PostgreSQL cannot hold a NUL in text; so that both databases keep the same, neither does. */
const bindable = (value: unknown): unknown =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;

/**
 * One connection that writes and reads, behind a mutex: a transaction has it for itself. WAL, so that another process can read meanwhile;
 * synchronous FULL, so that what was committed survives a power cut.
 */
export class SqliteDriver implements Driver {
  readonly #settings: SqliteSettings;
  readonly #mutex: Mutex = createMutex();
  #db: DatabaseSyncInstance | undefined;
  #connection: SqliteConnection | undefined;
  #turnBegan = 0;

  constructor(settings: SqliteSettings) {
    this.#settings = settings;
  }

  async init(): Promise<void> {
    createFile(this.#settings.file);
    this.#db = new DatabaseSync(this.#settings.file, {
      timeout: blockingWaitMs,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
    });
    this.#connection = new SqliteConnection(this.#db, this.#settings.busyTimeoutMs);
    for (const pragma of ['journal_mode = wal', 'synchronous = full', 'foreign_keys = on', 'trusted_schema = off']) {
      await this.#connection.executeQuery(CompiledQuery.raw(`pragma ${pragma}`));
    }
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const leave = await this.#mutex.enter();
    if (performance.now() - this.#turnBegan > longestTurnMs) {
      await nextTurn();
      this.#turnBegan = performance.now();
    }
    if (this.#connection === undefined) {
      leave();
      throw new Error('the database is closed');
    }
    this.#connection.leave = leave;
    return this.#connection;
  }

  /** A transaction that may write takes the write lock first, so that it never has to give up half way. */
  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const readOnly = settings.accessMode === 'read only';
    await connection.executeQuery(CompiledQuery.raw(readOnly ? 'begin' : 'begin immediate'));
    if (readOnly) this.#own(connection).setReadOnly(true);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
    this.#own(connection).setReadOnly(false);
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    this.#own(connection).rollback();
    this.#own(connection).setReadOnly(false);
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    this.#own(connection).leave();
  }

  async destroy(): Promise<void> {
    const leave = await this.#mutex.enter();
    this.#connection = undefined;
    this.#db?.close();
    this.#db = undefined;
    leave();
  }

  #own(connection: DatabaseConnection): SqliteConnection {
    if (!(connection instanceof SqliteConnection)) throw new Error('a connection of another driver');
    return connection;
  }
}
