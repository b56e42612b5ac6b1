import { success } from '@drover/contract';
import type { Clock } from '../../../../app/ports.js';
import type { Doctor } from '../../../../app/doctor/doctor.js';
import type { Audit } from '../../../../app/tenants/audit.js';
import type { StatsUseCases } from '../../../../app/stats/server-stats.js';
import type { Keys } from '../../../../app/tenants/keys.js';
import type { Tenants } from '../../../../app/tenants/tenants.js';
import type { Handlers } from '../handlers.js';

export interface TenantUseCases {
  readonly tenants: Tenants;
  readonly keys: Keys;
  readonly audit: Audit;
  readonly doctor: Doctor;
  readonly clock: Clock;
  readonly version: string;
  readonly stats: StatsUseCases;
}

type Operations =
  | 'getServer'
  | 'getDoctor'
  | 'getServerStats'
  | 'whoAmI'
  | 'listTenants'
  | 'createTenant'
  | 'updateTenant'
  | 'listKeys'
  | 'createKey'
  | 'importKey'
  | 'revokeKey'
  | 'listAudit';

export const tenantHandlers = ({
  tenants,
  keys,
  audit,
  doctor,
  clock,
  version,
  stats,
}: TenantUseCases): Pick<Handlers, Operations> => ({
  getServer: async () => success({ name: 'drover', version, time: new Date(clock.now()).toISOString() }),
  getDoctor: ({ principal }) => doctor.report(principal),
  getServerStats: ({ principal }, { query }) => stats.get(principal, query),
  whoAmI: async ({ principal }) => success(principal),
  listTenants: ({ principal }, { query }) => tenants.list(principal, query),
  createTenant: ({ principal, also }, { body }) => tenants.create(principal, body, also),
  updateTenant: ({ principal }, { params, body }) => tenants.update(principal, params.ref, body),
  listKeys: ({ principal }, { query }) => keys.list(principal, query),
  createKey: ({ principal, also }, { body }) => keys.create(principal, body, also),
  importKey: ({ principal }, { body }) => keys.takeIn(principal, body),
  revokeKey: ({ principal }, { params }) => keys.revoke(principal, params.id),
  listAudit: ({ principal }, { query }) => audit.list(principal, query),
});
