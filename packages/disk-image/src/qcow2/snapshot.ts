import { createQcow2 } from './create.js';
import { createLayer, type Layer } from './layer.js';
import { openActive } from './open.js';
import { finish, requireDepth, type DiskState } from './state.js';
import type { BlockFile } from './types.js';

export interface SnapshotOptions {
  /** An empty file for the new overlay. */
  file: BlockFile;
  /** A redo log for it. */
  log?: BlockFile;
  /** What the new overlay calls the frozen one: its path, as qemu-img would look for it. */
  backingName: string;
  /**
   * Called when the new overlay is durable and before anything is written to it: the moment to give both files their names, durably. When it
   * rejects, the disk goes on as it was.
   */
  publish?: () => Promise<void>;
}

/** Freezes the overlay and puts a new one on it. No change of the disk may be under way. Returns the frozen one. */
export async function snapshot(state: DiskState, options: SnapshotOptions): Promise<Layer> {
  const { active: old, environment } = state;
  requireDepth(state.layers.length + 1);
  await finish(old);
  const layer = createLayer(old.file, old.layout, old.tables, old.below);
  await createQcow2(options.file, {
    size: old.view.size,
    clusterSize: old.geometry.clusterSize,
    backing: { name: options.backingName, format: 'qcow2' },
  });
  const { file, log } = options;
  const { active } = await openActive({ ...environment, file, log, below: layer.view });
  await options.publish?.();
  state.active = active;
  state.layers.unshift(layer);
  return layer;
}
