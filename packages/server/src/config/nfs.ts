import * as z from 'zod';
import { whole } from './values.js';

/** Root mode `nfs`, and disks of Bakery's kind. */
export const nfs = z
  .strictObject({
    driver: z
      .enum(['off', 'kernel', 'ganesha'])
      .default('off')
      .describe(
        'Who serves directories of boards (root mode nfs), which takes root: kernel is the NFS server of this machine’s kernel, which runs already; ganesha is nfs-ganesha, started by Drover. off: nobody.',
      ),
    clone: z
      .enum(['auto', 'snapshot', 'reflink', 'overlay', 'copy'])
      .default('auto')
      .describe(
        'How a board’s directory is made of an image’s files: by a snapshot (btrfs), by reflinks (XFS, btrfs), by an overlay over them, or by copying. auto: the first of these that the file system can.',
      ),
    folder: z
      .string()
      .startsWith('/', 'is not an absolute path')
      .optional()
      .describe('Folder of the directories. Unset: `nfs` in the data folder.'),
    port: whole(1, 65_535).default(2049).describe('Port of nfs-ganesha. The kernel’s server has its own, 2049.'),
    mountPort: whole(1, 65_535).default(20_048).describe('Port of nfs-ganesha’s MOUNT protocol, for version 3 of NFS.'),
    exportsFile: z
      .string()
      .regex(/^\/[^"\s]+\.exports$/, 'is not an absolute path that ends in .exports')
      .default('/etc/exports.d/drover.exports')
      .describe(
        'File of what the kernel’s server exports, Drover’s own: exportfs(8) reads it besides the administrator’s.',
      ),
  })
  .prefault({});
