import type { JobState } from '@drover/contract';

/** What is decided by: one scheduled build that has ended. */
export interface EndedBuild {
  readonly id: string;
  readonly state: JobState;
  readonly pinned: boolean;
}

/**
 * Builds of one recipe and schedule that are not kept, of those that have ended, the newest first. Kept are the newest `keep` that succeeded, what failed last,
 * and what somebody pinned or has in use.
 */
export function expiredBuilds<T extends EndedBuild>(
  builds: readonly T[],
  keep: number,
  isInUse: (build: T) => boolean,
): T[] {
  const newest = new Set(builds.filter(({ state }) => state === 'succeeded').slice(0, keep));
  const lastFailed = builds.find(({ state }) => state === 'failed');
  return builds.filter((build) => !build.pinned && !newest.has(build) && build !== lastFailed && !isInUse(build));
}
