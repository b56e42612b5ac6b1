import type { Active } from './active.js';

/** Holes made in one go: each is a call of a system program, which takes milliseconds. */
const mostHoles = 512;

/**
 * Makes holes of free clusters that hold old bytes, long stretches first, so many times in one go. Returns the bytes given back. One at a time
 * for an image: who comes meanwhile gets the result of the one under way.
 */
export function reclaim(active: Active, times = Infinity): Promise<number> {
  active.reclaiming ??= punch(active, times).finally(() => (active.reclaiming = undefined));
  return active.reclaiming;
}

/** Takes free clusters for what they are: free, with old bytes in them. */
export function giveUpReclaiming({ allocator }: Active): void {
  allocator.returnStale(allocator.takeStale(Infinity), false);
}

async function punch(active: Active, times: number): Promise<number> {
  let total = 0;
  for (let left = times; left > 0; left--) {
    const count = await punchSome(active);
    if (count === 0) break;
    total += count;
  }
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
