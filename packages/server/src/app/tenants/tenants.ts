import {
  refusal,
  success,
  type Page,
  type Principal,
  type Result,
  type Tenant,
  type TenantCreate,
  type TenantQuota,
  type TenantUpdate,
} from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';

export interface Tenants {
  readonly create: (who: Principal, wanted: TenantCreate, also?: Also<Tenant>) => Promise<Result<Tenant>>;
  /** `ref`: id or name. */
  readonly update: (who: Principal, ref: string, wanted: TenantUpdate) => Promise<Result<Tenant>>;
  /** Every tenant for a key of the installation, its own for another. */
  readonly list: (
    who: Principal,
    page: { limit: number; cursor?: string | undefined },
  ) => Promise<Result<Page<Tenant>>>;
}

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
}

export const createTenants = (deps: Deps): Tenants => ({
  create: async (who, { name, quota }, also) => {
    const refused = refuseBelow(who, 'admin') ?? refuseTenantKey(who);
    if (refused !== undefined) return refused;
    return deps.store.transaction(async (tx) => {
      if ((await tx.tenants.findByName(name)) !== undefined) return taken(name);
      const tenant = await addTenant(deps, tx, name, given(quota));
      await also?.(tx, tenant);
      return success(tenant);
    });
  },
  update: async (who, ref, { quota }) => {
    const refused = refuseBelow(who, 'admin') ?? refuseTenantKey(who);
    if (refused !== undefined) return refused;
    return deps.store.transaction(async (tx) => {
      const found = (await tx.tenants.findByName(ref)) ?? (await tx.tenants.get(ref));
      if (found === undefined)
        return refusal('tenant.not-found', `There is no tenant ${ref}.`, { remedy: 'See `drover tenant list`.' });
      const tenant = { ...found, quota: { ...found.quota, ...given(quota) } };
      await tx.tenants.setQuota(tenant.id, tenant.quota);
      const at = new Date(deps.clock.now()).toISOString();
      const data = { name: tenant.name, quota: tenant.quota };
      await tx.events.append({ type: 'tenant.updated', at, tenant: tenant.id, subject: tenant.id, data });
      return success(tenant);
    });
  },
  list: async (who, { limit, cursor }) => {
    const refused = refuseBelow(who, 'admin');
    if (refused !== undefined) return refused;
    const own = who.tenant;
    return deps.store.read(async (tx) => {
      if (own === null) return success(await tx.tenants.list({ limit, ...(cursor === undefined ? {} : { cursor }) }));
      const tenant = await tx.tenants.get(own);
      return success({ items: tenant === undefined ? [] : [tenant], next: null });
    });
  },
});

export const unlimited: TenantQuota = { disks: null, diskBytes: null, backupBytes: null };

/** Without what was left out. */
const given = ({ disks, diskBytes, backupBytes }: TenantUpdate['quota'] = {}): Partial<TenantQuota> => ({
  ...(disks === undefined ? {} : { disks }),
  ...(diskBytes === undefined ? {} : { diskBytes }),
  ...(backupBytes === undefined ? {} : { backupBytes }),
});

/** Makes a tenant in the caller's transaction, with its event. The name must be free. */
export const addTenant = async (
  { clock, ids }: Pick<Deps, 'clock' | 'ids'>,
  tx: Transaction,
  name: string,
  quota: Partial<TenantQuota> = {},
): Promise<Tenant> => {
  const at = new Date(clock.now()).toISOString();
  const tenant: Tenant = { id: ids.next('ten'), name, quota: { ...unlimited, ...quota }, createdAt: at };
  await tx.tenants.insert(tenant);
  await tx.events.append({ type: 'tenant.created', at, tenant: tenant.id, subject: tenant.id, data: { name } });
  return tenant;
};

const refuseTenantKey = (who: Principal) =>
  who.tenant === null
    ? undefined
    : refusal('auth.forbidden', 'Tenants are made with an admin key of the installation', {
        remedy: 'Use a key that belongs to no tenant.',
      });

const taken = (name: string) =>
  refusal('tenant.exists', `There is a tenant ${name} already`, {
    remedy: 'Choose another name.',
    errors: [{ field: 'name', message: 'is taken' }],
  });
