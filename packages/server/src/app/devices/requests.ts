import type { Page, Provision, ProvisionRequest, ProvisionRequestState } from '@drover/contract';
import type { ReadFirstBoot } from './first-boot.js';

/** A request with who asked and what for. */
export interface RequestRecord extends Omit<ProvisionRequest, 'position'> {
  /** Id and tenant of the key that asked. */
  key: string;
  keyTenant: string | null;
  /** First-boot settings as they were read: a plain password is never kept. */
  wanted: Omit<Provision, 'firstBoot'> & { firstBoot?: ReadFirstBoot };
}

export interface RequestRepository {
  insert(request: RequestRecord): Promise<void>;
  get(id: string): Promise<RequestRecord | undefined>;
  /** Newest first. */
  list(
    filter: { tenant?: string; state?: ProvisionRequestState },
    page: { limit: number; cursor?: string },
  ): Promise<Page<RequestRecord>>;
  /** Those that wait, in the order they are served: of one tenant. */
  waiting(tenant: string, limit: number): Promise<RequestRecord[]>;
  /** How many of its tenant wait before this one. */
  before(request: Pick<RequestRecord, 'id' | 'tenant' | 'createdAt'>): Promise<number>;
  /** Tenants that have waiting requests. */
  tenantsWaiting(): Promise<string[]>;
  /** Those that waited until that moment (RFC 3339), or longer. */
  overdue(at: string, limit: number): Promise<RequestRecord[]>;
  /** Ends one that waits; false when it does not wait any more. */
  end(
    id: string,
    end: Pick<RequestRecord, 'device' | 'reason'> & {
      state: Exclude<ProvisionRequestState, 'waiting'>;
      endedAt: string;
    },
  ): Promise<boolean>;
  prune(before: string): Promise<number>;
}
