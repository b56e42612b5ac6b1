import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { client } from '../api/client.js';
import type { BuildsSearch } from './search.js';

export const buildsQuery = (filter: BuildsSearch) =>
  infiniteQueryOptions({
    queryKey: ['builds', 'list', filter],
    queryFn: ({ pageParam, signal }) => {
      const cursor = pageParam === undefined ? {} : { cursor: pageParam };
      return client.builds.list({ query: { ...filter, ...cursor, limit: 100 } }, { signal });
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });

export const buildQuery = (id: string) =>
  queryOptions({
    queryKey: ['builds', id],
    queryFn: ({ signal }) => client.builds.get({ params: { id } }, { signal }),
  });
