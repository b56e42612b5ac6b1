import type { ColumnDataType, ColumnDefinitionBuilder, Expression, Kysely } from 'kysely';
import type { Tables } from './schema.js';

/** A select whose rows can be locked: the part of kysely's builder that the traits need. */
export interface Lockable<Self> {
  forUpdate(): Self;
  skipLocked(): Self;
}

/** Everything in which the two databases differ for migrations and repositories. The rest of this folder does not ask which one it talks to. */
export interface Traits {
  readonly name: 'sqlite' | 'postgres';
  /** Text compared byte by byte, so that ids and moments sort alike whatever the locale of the database. */
  readonly text: ColumnDataType | Expression<string>;
  /** A number that the database counts up, never used twice: type and primary key. */
  readonly counterType: ColumnDataType;
  readonly counter: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder;
  /** Locks the rows of the select until the end of the transaction. SQLite has one writer, so a row is locked already. */
  lock<Q extends Lockable<Q>>(query: Q): Q;
  /** As {@link lock}, passing over rows that others hold. */
  lockFree<Q extends Lockable<Q>>(query: Q): Q;
  /** Before events are inserted, at the end of a transaction: whoever comes next waits for our commit, so that ids grow in its order. */
  orderEvents(db: Kysely<Tables>): Promise<void>;
  /**
   * Runs a transaction that met a conflict again, while no other such one runs on any server. Those that had to give way then come one after the
   * other, each with a fresh view, instead of meeting again and again.
   */
  readonly inTurn: <T>(db: Kysely<Tables>, work: (db: Kysely<Tables>) => Promise<T>) => Promise<T>;
  /**
   * What an error of the database asks for. conflict: somebody was faster, do it all again. race: perhaps so, try a few times. full: no room on its
   * disk. busy: it did not come to us in time. away: it cannot be reached. undefined: a fault.
   */
  classify(error: unknown): 'conflict' | 'race' | 'full' | 'busy' | 'away' | undefined;
}
