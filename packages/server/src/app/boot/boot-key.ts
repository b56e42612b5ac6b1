import type { Ids } from '../ports.js';
import type { Store } from '../store/ports.js';

/** The key session secrets are derived from: made at the first start, the same ever after, for every server on the database. */
export function createBootKey({ store, ids }: { readonly store: Store; readonly ids: Ids }): () => Promise<string> {
  let key: Promise<string> | undefined;
  return () => {
    key ??= store
      .transaction((tx) => tx.settings.putIfAbsent('boot-key', ids.randomHex(32)))
      .catch((error: unknown) => {
        key = undefined;
        throw error;
      });
    return key;
  };
}
