import type { JobKind, JobState } from '@drover/contract';
import { infiniteQueryOptions } from '@tanstack/react-query';
import { client } from '../api/client.js';

export const jobsQuery = (filter: { readonly state?: JobState; readonly kind?: JobKind }) =>
  infiniteQueryOptions({
    queryKey: ['jobs', 'list', filter],
    queryFn: ({ pageParam, signal }) => {
      const cursor = pageParam === undefined ? {} : { cursor: pageParam };
      return client.jobs.list({ query: { ...filter, ...cursor, limit: 100 } }, { signal });
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
