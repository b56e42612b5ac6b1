import type { Active } from './active.js';

/** Holes made in one go: each is a call of a system program. */
const mostHoles = 512;

/** Makes holes of all free clusters that hold old bytes, long stretches first. Returns the bytes given back. One at a time for an image. */
export function reclaim(active: Active): Promise<number> {
  active.reclaiming ??= punchAll(active).finally(() => (active.reclaiming = undefined));
  return active.reclaiming;
}

async function punchAll(active: Active): Promise<number> {
  let total = 0;
  for (let count = await punchSome(active); count > 0; count = await punchSome(active)) total += count;
  return total;
}

async function punchSome({ allocator, file, geometry }: Active): Promise<number> {
  if (file.punch === undefined || allocator.stale === 0) return 0;
  const runs = allocator.takeStale(mostHoles);
  const { clusterSize } = geometry;
  const holes = runs.map(({ first, count }) => ({ offset: first * clusterSize, length: count * clusterSize }));
  try {
    await file.punch(holes);
  } catch {
    // Space is not given back, but the clusters can be used again all the same.
    allocator.returnStale(runs, false);
    return 0;
  }
  allocator.returnStale(runs, true);
  return holes.reduce((sum, { length }) => sum + length, 0);
}
