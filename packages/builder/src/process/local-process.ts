import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.js';
import type { Connect } from './connection.js';

const main = fileURLToPath(new URL('./builder-main.js', import.meta.url));

/** A process of this machine, so that a build does not hold up what else its caller does. */
export const connectHere =
  (cacheDir: string): Connect =>
  async () => ({
    ...{ place: 'this machine', isLocal: true, cacheDir },
    ...(await startChild(process.execPath, [main])),
    fetch: async (folder, names, into) => {
      for (const name of names) await rename(join(folder, name), join(into, name));
    },
  });
