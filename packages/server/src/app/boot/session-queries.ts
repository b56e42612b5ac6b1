import {
  refusal,
  success,
  type BootSession,
  type Page,
  type Principal,
  type Result,
  type SessionOutcome,
  type TimelineItem,
} from '@drover/contract';
import { refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import { findDevice } from '../devices/find.js';
import type { Store, Transaction } from '../store/ports.js';
import type { SessionRecord } from './ports.js';

export interface SessionListQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  /** Id, name, serial, MAC or boot prefix. */
  readonly device?: string | undefined;
  readonly outcome?: SessionOutcome | undefined;
}

/** Looking at boot sessions: what people and programs may see of them. A session is seen by whoever sees its device. */
export interface SessionQueries {
  get(who: Principal, id: string): Promise<Result<BootSession>>;
  /** Newest first. */
  list(who: Principal, query: SessionListQuery): Promise<Result<Page<BootSession>>>;
  /** Items behind number `after`, in order; `next` is the number of the last one. */
  timeline(
    who: Principal,
    id: string,
    page: { readonly after: number; readonly limit: number },
  ): Promise<Result<Page<TimelineItem>>>;
  /** Id of the device that `ref` means to this key. */
  deviceId(who: Principal, ref: string): Promise<Result<string>>;
}

export const createSessionQueries = ({ store }: { readonly store: Store }): SessionQueries => ({
  get: async (who, id) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    return store.read(async (tx) => {
      const found = await find(tx, who, id);
      return found.ok ? success(presentSession(found.value)) : found;
    });
  },
  list: async (who, { limit, cursor, device, outcome }) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    return store.read(async (tx) => {
      const found = device === undefined ? undefined : await findDevice(tx, who, device);
      if (found?.ok === false) return found;
      const tenant = tenantFilter(who);
      const page = await tx.sessions.list(
        {
          // A device that was found is one this key may see, also one that belongs to nobody yet.
          ...(found !== undefined ? { device: found.value.id } : tenant === undefined ? {} : { tenant }),
          ...(outcome === undefined ? {} : { outcome }),
        },
        { limit, ...(cursor === undefined ? {} : { cursor }) },
      );
      return success({ items: page.items.map(presentSession), next: page.next });
    });
  },
  timeline: async (who, id, { after, limit }) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    return store.read(async (tx) => {
      const found = await find(tx, who, id);
      if (!found.ok) return found;
      const items = await tx.sessions.timeline(id, after, limit + 1);
      const page = items.slice(0, limit);
      return success({ items: page, next: items.length > limit ? String(page.at(-1)?.seq ?? after) : null });
    });
  },
  deviceId: async (who, ref) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    return store.read(async (tx) => {
      const found = await findDevice(tx, who, ref);
      return found.ok ? success(found.value.id) : found;
    });
  },
});

const find = async (tx: Transaction, who: Principal, id: string): Promise<Result<SessionRecord>> => {
  const session = await tx.sessions.get(id);
  if (session === undefined) return noSession(id);
  const device = await findDevice(tx, who, session.device);
  return device.ok ? success(session) : noSession(id);
};

/** Without what only the exchange of its secret needs. */
const presentSession = ({
  nonceHash: _nonceHash,
  exchangedAt: _exchangedAt,
  secretExpiresAt: _secretExpiresAt,
  ...session
}: SessionRecord): BootSession => session;

const noSession = (id: string) =>
  refusal('session.not-found', `There is no boot session ${id}.`, { remedy: 'See `drover boot sessions`.' });
