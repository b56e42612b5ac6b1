import { queryOptions } from '@tanstack/react-query';
import { client } from '../api/client.js';

/** What is overheard on the network is no event: it is asked for again now and then. */
const againMs = 30_000;

export const doctorQuery = queryOptions({
  queryKey: ['doctor'],
  queryFn: ({ signal }) => client.server.doctor(undefined, { signal }),
  staleTime: 0,
  refetchInterval: againMs,
});
