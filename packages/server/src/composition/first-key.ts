import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { bootstrapAdmin, type Bootstrap } from '../app/tenants/bootstrap.js';
import type { KeyDeps } from '../app/tenants/keys.js';

/** Where the first admin key is kept for whoever can read the data folder. */
export const adminKeyFile = (dataDir: string): string => join(dataDir, 'admin.key');

const writePrivate = async (file: string, text: string): Promise<void> => {
  const fresh = `${file}.new`;
  const handle = await open(fresh, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, file);
};

/**
 * The tenant and the first admin key, where there is none that works. The key's file is written before the transaction that makes the key commits: a crash
 * in between leaves a file that opens nothing and is written anew, never a key that nobody has.
 */
export const bootstrapWithFile = async (deps: KeyDeps, dataDir: string): Promise<Bootstrap> => {
  const store: KeyDeps['store'] = {
    ...deps.store,
    transaction: (work) =>
      deps.store.transaction(async (tx) => {
        const value = await work(tx);
        const admin = (value as { admin?: { key: string } } | undefined)?.admin;
        if (admin !== undefined) await writePrivate(adminKeyFile(dataDir), `${admin.key}\n`);
        return value;
      }),
  };
  return bootstrapAdmin({ ...deps, store });
};
