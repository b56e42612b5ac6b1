import { refusal, RefusedError } from '@drover/contract';
import { needsPackedRoot } from '../../domain/root-place.js';
import { detachAll } from '../disks/attachments.js';
import type { BeginWorkDeps } from '../disks/begin-work.js';
import type { RootDisks } from '../disks/root-disks.js';
import { bootSetOf, ensureBootSet } from '../images/boot-set-job.js';
import { foreseeDelta } from '../images/deltas.js';
import { ensureRoot } from '../images/root-job.js';
import type { Prepare } from './ports.js';

export interface PrepareDeps extends BeginWorkDeps {
  readonly rootDisks: RootDisks;
  /** Somebody serves directories here (settings). */
  readonly hasDirectories: boolean;
}

const noDirectories = refusal('request.invalid', 'This server serves no directories: its setting nfs.driver is off.', {
  remedy: 'Set it to kernel or ganesha (docs/how-to/nfs-root.md), or use root mode nbd.',
  errors: [{ field: 'rootMode', message: 'is not possible on this server' }],
});

/** What each root mode needs: `ram` the packed root, once for all boards; `sd` a set of boot files besides; `nbd` and `nfs` a disk or directory for this board; `stream` nothing besides the image, if that can be read as it is. */
export const createPrepare = ({ enqueue, clock, rootDisks, hasDirectories }: PrepareDeps): Prepare => ({
  ensure: async (tx, device, image, { rootMode, diskSize }) => {
    const name = `${image.name}:${image.version}`;
    if (rootMode === 'nfs' && !hasDirectories) throw new RefusedError(noDirectories);
    if (rootMode === 'nbd' || rootMode === 'nfs') {
      const kind = rootMode === 'nbd' ? 'block' : 'directory';
      const { id, job } = await rootDisks.make(tx, device, image, { kind, size: diskSize });
      const what = rootMode === 'nbd' ? `its disk over ${name}` : `its directory of ${name}`;
      return { job, what, disk: id };
    }
    if (rootMode === 'sd') {
      const set = await ensureBootSet({ enqueue }, tx, image);
      const made = await bootSetOf(tx, image.id);
      if (made !== undefined) await foreseeDelta({ enqueue, clock }, tx, made.root.digest, [device]);
      return { job: set === 'ready' ? null : set.job, what: `what cards hold of ${name}`, disk: null };
    }
    const what = `the root of ${name}`;
    if (!needsPackedRoot(rootMode, image.facts)) return { job: null, what, disk: null };
    const prepared = await ensureRoot({ enqueue }, tx, image);
    return { job: prepared === 'ready' ? null : prepared.job, what, disk: null };
  },
  end: async (tx, device, disk) => {
    await detachAll({ enqueue, clock }, tx, device);
    if (disk === 'keep') await rootDisks.keep(tx, device);
    else await rootDisks.retire(tx, device, null);
  },
});
