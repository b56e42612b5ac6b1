import { success, type AuditEntry, type AuditFilter, type Page, type Principal, type Result } from '@drover/contract';
import { refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import type { Clock } from '../ports.js';
import type { Store } from '../store/ports.js';

export interface Audit {
  /** Notes who did what, now. Never hand it a key or a whole URL. */
  readonly append: (entry: Omit<AuditEntry, 'seq' | 'at'>) => Promise<void>;
  /** Newest first; a key of a tenant sees what keys of that tenant did. */
  readonly list: (
    who: Principal,
    query: AuditFilter & { limit: number; cursor?: string | undefined },
  ) => Promise<Result<Page<AuditEntry>>>;
}

export const createAudit = ({ store, clock }: { readonly store: Store; readonly clock: Clock }): Audit => ({
  append: async (entry) => {
    const at = new Date(clock.now()).toISOString();
    await store.transaction((tx) => tx.audit.append({ ...entry, at }));
  },
  list: async (who, { limit, cursor, ...filter }) => {
    const refused = refuseBelow(who, 'admin');
    if (refused !== undefined) return refused;
    const tenant = tenantFilter(who);
    const wanted = tenant === undefined ? filter : { ...filter, tenant };
    const page = { limit, ...(cursor === undefined ? {} : { cursor }) };
    return store.read(async (tx) => success(await tx.audit.list(wanted, page)));
  },
});
