import type { Build, BuildFile, JobState, Page } from '@drover/contract';

export interface BuildRecord extends Build {
  /** Of the image it made, which may be gone; null where it was there before. */
  readonly imageId: string | null;
  /** The upload with the list of packages that is taken again. */
  readonly lock: string | null;
}

export type BuildChange = Partial<
  Pick<
    BuildRecord,
    | 'state'
    | 'image'
    | 'imageId'
    | 'unchanged'
    | 'manifest'
    | 'logBytes'
    | 'job'
    | 'error'
    | 'startedAt'
    | 'endedAt'
    | 'pinned'
    | 'publish'
  >
>;

export interface BuildFilter {
  /** Its own builds and those of the installation. */
  readonly tenant?: string;
  readonly recipe?: string;
  readonly state?: JobState;
}

/** What one schedule made of one recipe. */
export interface Scheduled {
  readonly schedule: string;
  readonly recipe: string;
}

export interface BuildRepository {
  insert(build: BuildRecord): Promise<void>;
  get(id: string): Promise<BuildRecord | undefined>;
  /** Newest first. */
  list(filter: BuildFilter, page: { limit: number; cursor?: string }): Promise<Page<BuildRecord>>;
  update(id: string, change: BuildChange): Promise<void>;
  /** Puts files in the place of those it had. */
  setFiles(id: string, files: readonly BuildFile[]): Promise<void>;
  delete(id: string): Promise<void>;
  /** Those that are published and have ended, well or not, newest first; `tenant` as in the filter. */
  published(tenant: string | undefined, limit: number): Promise<BuildRecord[]>;
  /** A build of that schedule and recipe that has not ended. */
  unfinished(of: Scheduled): Promise<BuildRecord | undefined>;
  /** When a schedule last asked for a build. */
  lastOf(schedule: string): Promise<string | undefined>;
  /** All that have ended, newest first. */
  ended(of: Scheduled): Promise<BuildRecord[]>;
  /** Those that lead to an image. */
  ofImage(imageId: string): Promise<string[]>;
}
