import { mostLayers } from '@drover/disk-image';
import type { FlattenProgress } from '../../../app/disks/pool.js';
import { openBlockSource } from '../block-file.js';
import { nameFrom } from '../disk-chain.js';
import { createDiskFile } from '../disk-files.js';
import { restoreFrom, type CreatePlan, type RestorePlan } from './backups.js';
import { find, type Parts } from './parts.js';
import { invalid, noSnapshot } from './refusals.js';

/** What a new disk lies on. */
interface Ground {
  readonly base: string | null;
  readonly frozen: readonly string[];
  readonly least: number;
  readonly below?: { readonly path: string; readonly format: 'raw' | 'qcow2' };
}

/** A disk on nothing, with the content of a file. */
export async function restore(parts: Parts, plan: RestorePlan, options: FlattenProgress): Promise<void> {
  const { manifests, overlays, ids, files } = parts;
  if ((await manifests.find(plan.disk)) !== undefined) return;
  const { origin } = plan;
  const path = origin.kind === 'backup' ? await parts.blobPath(origin.digest) : parts.uploadPath(origin.upload);
  const head = ids.next('ovl');
  await restoreFrom({ path, format: origin.format }, overlays.path(head), plan.size, files, options);
  await manifests.save({ version: 1, disk: plan.disk, head, frozen: [], base: null, snapshots: {} });
}

async function groundOf(parts: Parts, { origin }: CreatePlan): Promise<Ground> {
  switch (origin.kind) {
    case 'empty':
      return { base: null, frozen: [], least: 512 };
    case 'image': {
      const path = await parts.blobPath(origin.digest);
      const source = await openBlockSource(path);
      await source.close();
      return { base: origin.digest, frozen: [], least: source.size, below: { path, format: 'raw' } };
    }
    case 'snapshot': {
      const manifest = await find(parts, origin.disk);
      const taken = manifest.snapshots[origin.snapshot];
      const [upper] = taken?.frozen ?? [];
      if (taken === undefined || upper === undefined) throw noSnapshot(origin.disk, origin.snapshot);
      return {
        base: manifest.base,
        frozen: taken.frozen,
        least: taken.size,
        below: { path: parts.overlays.path(upper), format: 'qcow2' },
      };
    }
  }
}

/** A disk over an image, a snapshot or nothing. */
export async function create(parts: Parts, plan: CreatePlan): Promise<void> {
  const { manifests, overlays, ids } = parts;
  if ((await manifests.find(plan.disk)) !== undefined) return;
  const ground = await groundOf(parts, plan);
  if (plan.size < ground.least)
    throw invalid(
      'size',
      `The disk would have ${plan.size} bytes, fewer than the ${ground.least} below it.`,
      'Make it larger.',
    );
  if (ground.frozen.length >= mostLayers)
    throw invalid(
      'origin',
      `The snapshot lies on ${ground.frozen.length} others.`,
      'Flatten the disk it is of, and take a new one.',
    );
  const head = ids.next('ovl');
  const path = overlays.path(head);
  const backing =
    ground.below === undefined
      ? {}
      : { backing: { name: nameFrom(path, ground.below.path), format: ground.below.format } };
  await createDiskFile(path, { size: plan.size, ...backing }, parts.files);
  await manifests.save({
    version: 1,
    disk: plan.disk,
    head,
    frozen: [...ground.frozen],
    base: ground.base,
    ...(plan.rootPartition === undefined ? {} : { rootPartition: plan.rootPartition }),
    snapshots: {},
  });
}
