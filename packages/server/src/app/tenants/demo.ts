import { success, type Principal, type Result } from '@drover/contract';
import { demoKey, demoPrincipal, demoTenantName } from '../../domain/demo.js';
import type { Clock, Ids } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { Authentication } from './authentication.js';
import { addTenant } from './tenants.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** The tenant of the demo, made when it is switched on first; its id. What it owns stays when it is switched off. */
export const openDemo = async (deps: Deps): Promise<string> =>
  deps.store.transaction(
    async (tx) => ((await tx.tenants.findByName(demoTenantName)) ?? (await addTenant(deps, tx, demoTenantName))).id,
  );

/** Authentication that also knows the demo key. It is no key of the store: switched off, it was never one. */
export const withDemo = (
  { authenticate }: Pick<Authentication, 'authenticate'>,
  tenant: string,
): Pick<Authentication, 'authenticate'> => ({
  authenticate: async (key): Promise<Result<Principal>> =>
    key === demoKey ? success(demoPrincipal(tenant)) : authenticate(key),
});
