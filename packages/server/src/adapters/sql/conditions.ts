import { sql, type RawBuilder, type SqlBool } from 'kysely';
import { readCursor } from './pages.js';

export type Condition = RawBuilder<SqlBool>;

export const always: Condition = sql<SqlBool>`1 = 1`;

/** What comes after `cursor` where the newest come first, by moment and then id. */
export const olderThan = (cursor: string | undefined, moment: string, id = 'id'): Condition => {
  if (cursor === undefined) return always;
  const [at, last] = readCursor(cursor, ['', '']);
  return sql<SqlBool>`(${sql.ref(moment)}, ${sql.ref(id)}) < (${at}, ${last})`;
};

/** `tenant`: undefined any, null none. */
export const ofTenant = (tenant: string | null | undefined, column = 'tenant'): Condition => {
  if (tenant === undefined) return always;
  return tenant === null ? sql<SqlBool>`${sql.ref(column)} is null` : sql<SqlBool>`${sql.ref(column)} = ${tenant}`;
};

/** Everything, where `value` is undefined. */
export const equals = (column: string, value: string | undefined): Condition =>
  value === undefined ? always : sql<SqlBool>`${sql.ref(column)} = ${value}`;
