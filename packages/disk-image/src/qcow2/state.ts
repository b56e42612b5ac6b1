import { ImageError } from '../errors.js';
import type { Active, Qcow2Environment } from './active.js';
import type { Layer } from './layer.js';
import { giveUpReclaiming, reclaim } from './reclaim.js';
import type { Requests } from './requests.js';
import type { DiskView } from './types.js';

/** State that a disk's operations share. */
export interface DiskState {
  active: Active;
  layers: Layer[];
  readonly base: DiskView | undefined;
  readonly requests: Requests;
  readonly environment: Qcow2Environment;
  /** Set when the disk is being closed; resolves when it is. */
  closed: Promise<void> | undefined;
}

/** Throws when the disk is closed or being closed. */
export function requireOpen({ closed }: DiskState): void {
  if (closed !== undefined) throw new ImageError('image.qcow2.closed', 'The disk is closed');
}

/** Overlays that may lie upon each other: each one makes a read that finds nothing look once more. */
export const mostLayers = 16;

export function requireDepth(layers: number): void {
  if (layers <= mostLayers) return;
  throw new ImageError('image.qcow2.backing', `The disk would lie on ${layers} frozen overlays`, {
    remedy: `Flatten it first: ${mostLayers} is the most.`,
  });
}

/**
 * Leaves an image with nothing to repair. Space of many short stretches is not given back, because that would keep everybody waiting: they are
 * free in the file, and used again. No change of it may be under way.
 */
export async function finish(active: Active): Promise<void> {
  const { checkpoints, session, grace } = active;
  await checkpoints.flush();
  await new Promise<void>((resolve) => grace.afterReads(resolve));
  // One that is under way may have begun before the last clusters came free.
  await active.reclaiming;
  await reclaim(active, 1);
  giveUpReclaiming(active);
  await session.end();
  await checkpoints.writeCounts();
  await checkpoints.sync();
}
