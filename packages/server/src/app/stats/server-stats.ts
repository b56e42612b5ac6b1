import {
  refusal,
  success,
  type Principal,
  type Result,
  type ServerCheck,
  type ServerSeries,
  type ServerStats,
} from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import type { SampleRing } from './ring.js';

export interface StatsUseCases {
  /** How this server does. Refuses keys of a tenant with auth.forbidden: throughput, boots and jobs are those of all tenants together. */
  readonly get: (who: Principal, query: { readonly after: number }) => Promise<Result<ServerStats>>;
}

interface Deps {
  readonly ring: SampleRing<ServerSeries>;
  readonly version: string;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly intervalMs: number;
  readonly checks: () => Promise<readonly ServerCheck[]>;
  readonly addresses: () => ServerStats['addresses'];
}

export const createServerStats = ({
  ring,
  version,
  startedAt,
  intervalMs,
  checks,
  addresses,
}: Deps): StatsUseCases => ({
  get: async (who, { after }) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    if (who.tenant !== null) {
      return refusal('auth.forbidden', 'These figures are those of the whole installation.', {
        remedy: 'Use a key that belongs to no tenant.',
      });
    }
    return success({
      ...{ version, startedAt, addresses: addresses() },
      checks: [...(await checks())],
      intervalSeconds: Math.round(intervalMs / 1000),
      ...ring.after(after),
    });
  },
});
