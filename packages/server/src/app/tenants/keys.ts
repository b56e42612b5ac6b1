import {
  refusal,
  success,
  type ApiKey,
  type ApiKeyCreate,
  type ApiKeyCreated,
  type ApiKeyImport,
  type Page,
  type Principal,
  type Result,
} from '@drover/contract';
import { apiKeyFrom, endOf, hintOf } from '../../domain/api-key.js';
import { demoKey } from '../../domain/demo.js';
import { reaches, refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import type { Hashing, KeyRecord } from './ports.js';

export interface KeyDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly hashing: Hashing;
}

export interface Keys {
  /** The only answer that ever holds the key. Without `tenant` it belongs where the asking key does. */
  readonly create: (who: Principal, wanted: ApiKeyCreate, also?: Also<ApiKeyCreated>) => Promise<Result<ApiKeyCreated>>;
  /** A key that is in use elsewhere already, taken as it is. Refuses with key.exists. */
  readonly takeIn: (who: Principal, wanted: ApiKeyImport) => Promise<Result<ApiKey>>;
  readonly list: (
    who: Principal,
    page: { limit: number; cursor?: string | undefined },
  ) => Promise<Result<Page<ApiKey>>>;
  /** Works from the next request on. A key that is revoked already stays so. Refuses with key.last-admin. */
  readonly revoke: (who: Principal, id: string) => Promise<Result<null>>;
}

export const createKeys = (deps: KeyDeps): Keys => {
  const { store, clock } = deps;
  const now = (): string => new Date(clock.now()).toISOString();
  return {
    create: async (who, wanted, also) => {
      const tenant = wanted.tenant === undefined ? who.tenant : wanted.tenant;
      const refused = refuseBelow(who, 'admin') ?? refuseForeign(who, tenant) ?? refusePast(wanted.expiresAt, now());
      if (refused !== undefined) return refused;
      return store.transaction(async (tx) => {
        if (tenant !== null && (await tx.tenants.get(tenant)) === undefined) return noTenant(tenant);
        const made = await addKey(deps, tx, { ...wanted, tenant, by: who.key });
        await also?.(tx, made);
        return success(made);
      });
    },
    takeIn: async (who, { key, ...wanted }) => {
      const tenant = wanted.tenant === undefined ? who.tenant : wanted.tenant;
      const refused =
        refuseBelow(who, 'admin') ??
        refuseForeign(who, tenant) ??
        refusePast(wanted.expiresAt, now()) ??
        refusePublic(key);
      if (refused !== undefined) return refused;
      return store.transaction(async (tx) => {
        if (tenant !== null && (await tx.tenants.get(tenant)) === undefined) return noTenant(tenant);
        if ((await tx.keys.findByHash(deps.hashing.sha256(key))) !== undefined) return isKnown();
        return success(await storeKey(deps, tx, key, { ...wanted, tenant, by: who.key }));
      });
    },
    list: async (who, { limit, cursor }) => {
      const refused = refuseBelow(who, 'admin');
      if (refused !== undefined) return refused;
      const tenant = tenantFilter(who);
      return store.read(async (tx) => {
        const page = await tx.keys.list(tenant === undefined ? {} : { tenant }, {
          limit,
          ...(cursor === undefined ? {} : { cursor }),
        });
        return success({ items: page.items.map(presentKey), next: page.next });
      });
    },
    revoke: async (who, id) => {
      const refused = refuseBelow(who, 'admin');
      if (refused !== undefined) return refused;
      const at = now();
      return store.transaction(async (tx) => {
        const key = await tx.keys.get(id);
        if (key === undefined || !reaches(who, key.tenant)) return noKey(id);
        if (key.revokedAt !== null) return success(null);
        if (await isLastAdmin(tx, key, at)) return lastAdmin(key);
        await tx.keys.revoke(id, at);
        await tx.events.append({
          type: 'key.revoked',
          at,
          tenant: key.tenant,
          subject: id,
          data: { name: key.name, role: key.role, by: who.key },
        });
        return success(null);
      });
    },
  };
};

type Wanted = Pick<ApiKeyCreate, 'name' | 'role' | 'expiresAt'> & { tenant: string | null; by: string | null };

/** Makes a key in the caller's transaction, with its event. */
export const addKey = async (
  deps: Pick<KeyDeps, 'clock' | 'ids' | 'hashing'>,
  tx: Transaction,
  wanted: Wanted,
): Promise<ApiKeyCreated> => {
  const key = apiKeyFrom(deps.ids.randomHex(32));
  return { ...(await storeKey(deps, tx, key, wanted)), key };
};

const storeKey = async (
  { clock, ids, hashing }: Pick<KeyDeps, 'clock' | 'ids' | 'hashing'>,
  tx: Transaction,
  key: string,
  wanted: Wanted,
): Promise<ApiKey> => {
  const at = new Date(clock.now()).toISOString();
  const record: KeyRecord = {
    id: ids.next('key'),
    tenant: wanted.tenant,
    name: wanted.name,
    role: wanted.role,
    hint: hintOf(key),
    hash: hashing.sha256(key),
    createdAt: at,
    expiresAt: wanted.expiresAt ?? null,
    revokedAt: null,
    lastUsedAt: null,
  };
  await tx.keys.insert(record);
  await tx.events.append({
    type: 'key.created',
    at,
    tenant: record.tenant,
    subject: record.id,
    data: { name: record.name, role: record.role, by: wanted.by },
  });
  return presentKey(record);
};

const presentKey = ({ hash: _hash, ...key }: KeyRecord): ApiKey => key;

const isLastAdmin = async (tx: Transaction, key: KeyRecord, now: string): Promise<boolean> =>
  key.role === 'admin' &&
  key.tenant === null &&
  endOf(key, now) === undefined &&
  (await tx.keys.countActive('admin', now)) <= 1;

const refuseForeign = (who: Principal, tenant: string | null) =>
  who.tenant === null || who.tenant === tenant
    ? undefined
    : refusal('auth.forbidden', 'A key of a tenant makes keys of that tenant only', {
        remedy: 'Leave `tenant` out, or use an admin key of the installation.',
        errors: [{ field: 'tenant', message: 'is not the tenant of your key' }],
      });

const refusePast = (expiresAt: string | undefined, now: string) =>
  expiresAt === undefined || expiresAt > now
    ? undefined
    : refusal('request.invalid', 'The key would be expired before its first use', {
        errors: [{ field: 'expiresAt', message: 'is in the past', remedy: `Write a moment after ${now}.` }],
      });

/** What everybody knows is no key. */
const refusePublic = (key: string) =>
  key === demoKey
    ? refusal('request.invalid', 'The demo key is known to everybody', {
        remedy: 'Give the cards a key of their own. What the demo key may read is switched on with `demo.enabled`.',
        errors: [{ field: 'key', message: 'is the demo key' }],
      })
    : undefined;

const isKnown = () =>
  refusal('key.exists', 'This key is known here already, or was and is revoked', {
    remedy: 'See `drover key list`; a key that was revoked does not come back.',
    errors: [{ field: 'key', message: 'is known already' }],
  });

const noTenant = (id: string) =>
  refusal('tenant.not-found', `There is no tenant ${id}`, {
    remedy: 'See `drover tenant list`.',
    errors: [{ field: 'tenant', message: 'names no tenant' }],
  });

const noKey = (id: string) =>
  refusal('key.not-found', `There is no API key ${id}`, { remedy: 'See `drover key list`.' });

const lastAdmin = (key: KeyRecord) =>
  refusal('key.last-admin', `"${key.name}" is the only admin key of the installation that still works`, {
    remedy: 'Create another admin key without a tenant first, then revoke this one.',
  });
