import { RefusedError, type DiskKind } from '@drover/contract';
import type { DeviceRecord } from '../devices/ports.js';
import type { ImageRecord } from '../images/ports.js';
import type { Ids } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import { beginWork, saveDisk, type BeginWorkDeps } from './begin-work.js';
import type { DiskPlan } from './pool.js';
import { refuseQuota } from './quota.js';
import { newDisk, type DiskRecord } from './records.js';

export interface RootDisksDeps extends BeginWorkDeps {
  readonly ids: Ids;
  readonly site: string;
  readonly defaultTenant: string;
}

export interface RootDiskWanted {
  readonly kind: DiskKind;
  /** Undefined, or smaller than the image: as large as that. A directory has no size of its own. */
  readonly size?: number | undefined;
}

/** Disks that boards run from with root modes `nbd` and `nfs`: each belongs to one assignment, and goes with it. All of it in the caller's transaction. */
export interface RootDisks {
  /** Throws RefusedError quota.exceeded: nothing is assigned then. Has a disk made over the whole image, or a directory of its root's files. */
  make(tx: Transaction, device: DeviceRecord, image: ImageRecord, wanted: RootDiskWanted): Promise<DiskRecord>;
  /** Has those of a device removed, but for the one it runs from now. */
  retire(tx: Transaction, device: string, keep: string | null): Promise<void>;
  /** Makes what a device ran from a disk of its tenant, attached to nothing. */
  keep(tx: Transaction, device: string): Promise<void>;
}

export const createRootDisks = (deps: RootDisksDeps): RootDisks => ({
  make: async (tx, device, image, { kind, size }) => {
    const { digest, size: imageSize, facts } = image;
    if (digest === null || imageSize === null) throw new Error(`the image ${image.id} is not imported`);
    const id = deps.ids.next('dsk');
    const at = new Date(deps.clock.now()).toISOString();
    const tenant = device.tenant ?? deps.defaultTenant;
    const bytes = Math.max(imageSize, size ?? 0);
    const tooMuch = await refuseQuota(tx, tenant, { disks: 1, bytes });
    if (tooMuch !== undefined) throw new RefusedError(tooMuch);
    const disk: DiskRecord = {
      ...newDisk(at),
      ...{ id, name: `root-${id.slice(-10).toLowerCase()}`, tenant, site: deps.site, role: 'root', kind },
      ...{ device: device.id, image: image.id, base: digest, restoredFrom: null, size: bytes },
    };
    if (!(await tx.disks.insert(disk))) throw new Error(`there is a disk ${disk.name} already`);
    const rootPartition = facts?.rootPartition ?? undefined;
    const plan: DiskPlan = {
      ...{ kind, disk: id, size: disk.size, origin: { kind: 'image', digest } },
      ...(rootPartition === undefined ? {} : { rootPartition }),
    };
    return beginWork(deps, tx, disk, { kind: 'create', plan });
  },
  retire: async (tx, device, keep) => {
    const { items } = await tx.disks.list({ device, role: 'root' }, { limit: mostOfOne });
    for (const disk of items) if (disk.id !== keep) await remove(deps, tx, disk);
  },
  keep: async (tx, device) => {
    const { items } = await tx.disks.list({ device, role: 'root' }, { limit: mostOfOne });
    const updatedAt = new Date(deps.clock.now()).toISOString();
    // The newest is that of the last assignment; one that is not whole has nothing to keep.
    const kept = items.find(({ state }) => state === 'ready');
    for (const disk of items) {
      if (disk === kept) await saveDisk(tx, disk, { role: 'data', device: null, updatedAt });
      else await remove(deps, tx, disk);
    }
  },
});

/** A device that is given images faster than it boots has a few of them. What is beyond goes the next time. */
const mostOfOne = 100;

/** One that is being worked on goes when that has ended (work-job). What cannot be deleted now is nobody's, and deleted later as its time is over. */
async function remove(deps: RootDisksDeps, tx: Transaction, disk: DiskRecord): Promise<void> {
  const deleteAt = new Date(deps.clock.now()).toISOString();
  const gone = { state: 'deleting', device: null, deleteAt } as const;
  if (disk.job === null) await beginWork(deps, tx, disk, { kind: 'remove', disk: disk.id }, gone);
  else await saveDisk(tx, disk, gone);
}
