import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PlaneMemory } from '../../app/boot/plane/ports.js';
import type { Log } from '../../app/ports.js';

/** A file of JSON, for this user alone (it holds the boot key), replaced by rename so that it is never half written. */
export function createPlaneMemory(path: string, log: Log): PlaneMemory {
  return {
    load: async () => {
      try {
        return JSON.parse(await readFile(path, 'utf8')) as unknown;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
          log.warn({ err: error, path }, 'what the boot plane remembered cannot be read; it asks anew');
        }
        return undefined;
      }
    },
    save: async (state) => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const fresh = `${path}.new`;
      const file = await open(fresh, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(state));
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(fresh, path);
    },
  };
}
