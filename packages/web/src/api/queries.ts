import type { Principal } from '@drover/contract';
import { QueryCache, QueryClient, queryOptions } from '@tanstack/react-query';
import { client, isLoggedOut, whoIsIn } from './client.js';

export const queries = {
  me: queryOptions({
    queryKey: ['me'],
    queryFn: ({ signal }) => whoIsIn(signal),
    staleTime: Number.POSITIVE_INFINITY,
  }),
  images: queryOptions({
    queryKey: ['images'],
    queryFn: async ({ signal }) => Array.fromAsync(client.each('listImages', { query: { limit: 500 } }, { signal })),
  }),
  image: (ref: string) =>
    queryOptions({
      queryKey: ['images', ref],
      queryFn: ({ signal }) => client.images.get({ params: { ref } }, { signal }),
    }),
  imageFiles: (ref: string) =>
    queryOptions({
      queryKey: ['images', ref, 'files'],
      queryFn: async ({ signal }) => {
        const input = { params: { ref }, query: { limit: 500 } };
        return Array.fromAsync(client.each('listImageFiles', input, { signal }));
      },
    }),
  device: (ref: string) =>
    queryOptions({
      queryKey: ['devices', ref],
      queryFn: ({ signal }) => client.devices.get({ params: { ref } }, { signal }),
    }),
  sessionsOf: (device: string) =>
    queryOptions({
      queryKey: ['sessions', 'of', device],
      queryFn: async ({ signal }) => (await client.sessions.list({ query: { device, limit: 20 } }, { signal })).items,
    }),
  job: (id: string) =>
    queryOptions({
      queryKey: ['jobs', id],
      queryFn: ({ signal }) => client.jobs.get({ params: { id } }, { signal }),
    }),
  session: (id: string) =>
    queryOptions({
      queryKey: ['sessions', id],
      queryFn: ({ signal }) => client.sessions.get({ params: { id } }, { signal }),
    }),
  audit: queryOptions({
    queryKey: ['audit'],
    queryFn: ({ signal }) => client.audit.list({ query: { limit: 200 } }, { signal }),
  }),
  keys: queryOptions({
    queryKey: ['keys'],
    queryFn: async ({ signal }) => Array.fromAsync(client.each('listKeys', { query: { limit: 500 } }, { signal })),
  }),
  tenants: queryOptions({
    queryKey: ['tenants'],
    queryFn: async ({ signal }) => Array.fromAsync(client.each('listTenants', { query: { limit: 500 } }, { signal })),
  }),
};

/** Somebody else is here now, or nobody: what was read for the one before is forgotten. */
export const setPrincipal = (principal: Principal | null): void => {
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' });
  queryClient.setQueryData(queries.me.queryKey, principal);
};

/** Everything that is asked for by page; boards have a store of their own. Fresh as long as nothing was heard of a change. */
export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error) => {
      // The session ended meanwhile: the page to log in takes over.
      if (isLoggedOut(error)) setPrincipal(null);
    },
  }),
  defaultOptions: { queries: { staleTime: 60_000, retry: false, refetchOnWindowFocus: true } },
});
