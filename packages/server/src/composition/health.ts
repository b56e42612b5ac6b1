import { statfs } from 'node:fs/promises';
import type { Store } from '../app/store/ports.js';
import type { Check } from '../listeners/http/health.js';

/** Below this a data folder counts as full: an import or a large upload could end it at any moment. */
const leastFreeBytes = 256 * 1024 * 1024;

export const freeBytes = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

/** What must be well for the server to be ready. */
export const readinessChecks = (
  store: Store,
  dataDir: string,
  bootPlane: { readonly ready: boolean },
): readonly Check[] => [
  {
    name: 'store',
    check: async () => {
      await store.ping();
      return { ok: true, detail: 'answers' };
    },
  },
  {
    name: 'boot plane',
    check: async () => ({ ok: bootPlane.ready, detail: bootPlane.ready ? 'serves' : 'is not up; its log says why' }),
  },
  {
    name: 'disk',
    check: async () => {
      const free = await freeBytes(dataDir);
      const ok = free >= leastFreeBytes;
      return { ok, detail: ok ? `${free} bytes free` : `${dataDir} has only ${free} bytes left: free some room` };
    },
  },
];
