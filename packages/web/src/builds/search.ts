import { jobStates, type JobState } from '@drover/contract';

export interface BuildsSearch {
  readonly state?: JobState;
  readonly recipe?: string;
}

/** What the address says of the filter; what makes no sense is left out. */
export const readBuildsSearch = (search: Record<string, unknown>): BuildsSearch => {
  const state = jobStates.find((each) => each === search['state']);
  const recipe = search['recipe'];
  return {
    ...(state === undefined ? {} : { state }),
    ...(typeof recipe === 'string' && /^[a-z0-9][a-z0-9-]{0,62}$/.test(recipe) ? { recipe } : {}),
  };
};
