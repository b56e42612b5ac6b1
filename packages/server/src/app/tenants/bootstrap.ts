import type { ApiKeyCreated, Tenant } from '@drover/contract';
import { defaultTenantName } from '../../domain/tenancy.js';
import { addKey, type KeyDeps } from './keys.js';
import { addTenant } from './tenants.js';

export interface Bootstrap {
  /** The tenant that keys of the installation act for. */
  readonly tenant: Tenant;
  /** A fresh admin key of the installation where there was none that works: to be shown once and kept for the local CLI. */
  readonly admin: ApiKeyCreated | undefined;
}

/**
 * What a server needs before its first request: the tenant `default`, and a way in. Also the way back in when every admin key has expired. Safe when two
 * servers start at once.
 */
export const bootstrapAdmin = async (deps: KeyDeps): Promise<Bootstrap> =>
  deps.store.transaction(async (tx) => {
    const tenant = (await tx.tenants.findByName(defaultTenantName)) ?? (await addTenant(deps, tx, defaultTenantName));
    const active = await tx.keys.countActive('admin', new Date(deps.clock.now()).toISOString());
    const admin =
      active > 0 ? undefined : await addKey(deps, tx, { name: 'first admin', role: 'admin', tenant: null, by: null });
    return { tenant, admin };
  });
