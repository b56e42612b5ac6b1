import { jobKinds, jobStates, type JobKind, type JobState } from '@drover/contract';

export interface JobsSearch {
  readonly state?: JobState;
  readonly kind?: JobKind;
  /** The one that is shown in full. */
  readonly job?: string;
}

/** What the address says; what makes no sense is left out. */
export const readJobsSearch = (search: Record<string, unknown>): JobsSearch => {
  const state = jobStates.find((each) => each === search['state']);
  const kind = jobKinds.find((each) => each === search['kind']);
  const job = search['job'];
  return {
    ...(state === undefined ? {} : { state }),
    ...(kind === undefined ? {} : { kind }),
    ...(typeof job === 'string' && /^job_[0-9A-Z]{26}$/.test(job) ? { job } : {}),
  };
};
