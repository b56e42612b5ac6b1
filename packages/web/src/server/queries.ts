import type { ServerStats } from '@drover/contract';
import { queryOptions } from '@tanstack/react-query';
import { client } from '../api/client.js';
import { queryClient } from '../api/queries.js';
import { mergeStats } from './stats.js';

const key = ['server', 'stats'] as const;
const everyMs = 5000;

/** The last hour, asked for once and then by what came since. */
export const statsQuery = queryOptions({
  queryKey: key,
  queryFn: async ({ signal }) => {
    const known = queryClient.getQueryData<ServerStats>(key);
    const after = known?.at.at(-1) ?? 0;
    const fresh = await client.server.stats({ query: { after } }, { signal });
    // A server that began anew is asked for all it has.
    const isOther = known !== undefined && known.startedAt !== fresh.startedAt;
    return isOther ? client.server.stats(undefined, { signal }) : mergeStats(known, fresh);
  },
  staleTime: everyMs,
  refetchInterval: everyMs,
});
