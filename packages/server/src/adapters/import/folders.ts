import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { refusal, success } from '@drover/contract';
import type { ImportFolders } from '../../app/images/ports.js';

/** Allows regular files whose real path lies below one of `folders`. */
export const createImportFolders = (folders: readonly string[]): ImportFolders => ({
  resolve: async (path) => {
    const allowed = folders.length === 0 ? 'none is set' : folders.join(', ');
    const denied = refusal('request.invalid', `${path} cannot be imported from.`, {
      remedy: `Put the file below a folder named in images.importFrom (${allowed}), or upload it.`,
      errors: [{ field: 'source.path', message: 'is not a file below an allowed folder' }],
    });
    // Said the same way for absent and forbidden paths, so that nobody can feel their way through the disk.
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined) return denied;
    const roots = await Promise.all(folders.map((folder) => realpath(folder).catch(() => undefined)));
    if (!roots.some((root) => root !== undefined && real.startsWith(root.endsWith(sep) ? root : root + sep)))
      return denied;
    const found = await stat(real);
    return found.isFile() ? success({ path: real, size: found.size }) : denied;
  },
});
