import type { Traits } from '../traits.js';
import { resultCode, resultCodeOf } from './errors.js';

/** One writer at a time: whoever may write holds the lock from its first statement, so nothing needs locking and commits are in order. */
export const sqliteTraits: Traits = {
  name: 'sqlite',
  text: 'text',
  counterType: 'integer',
  counter: (column) => column.primaryKey().autoIncrement(),
  lock: (query) => query,
  lockFree: (query) => query,
  orderEvents: async () => undefined,
  inTurn: (db, work) => work(db),
  classify: (error) => {
    const code = resultCodeOf(error);
    if (code === resultCode.full) return 'full';
    return code === resultCode.busy ? 'busy' : undefined;
  },
};
