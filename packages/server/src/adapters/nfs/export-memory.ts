import { readFile, rename, writeFile } from 'node:fs/promises';
import type { ExportMemory, RememberedExport } from '../../app/nfs/ports.js';

/** Who had what, in a file. One that cannot be read says nothing: boards that start again are told anew. */
export const createExportMemory = (file: string): ExportMemory => ({
  load: async () => {
    const text = await readFile(file, 'utf8').catch(() => '[]');
    try {
      const read: unknown = JSON.parse(text);
      return Array.isArray(read) ? (read as RememberedExport[]) : [];
    } catch {
      return [];
    }
  },
  save: async (exports) => {
    await writeFile(`${file}.new`, JSON.stringify(exports), { mode: 0o600, flush: true });
    await rename(`${file}.new`, file);
  },
});
