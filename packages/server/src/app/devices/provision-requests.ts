import {
  refusal,
  success,
  type Page,
  type Principal,
  type ProvisionRequest,
  type ProvisionRequestCreate,
  type ProvisionRequestState,
  type Refusal,
  type Result,
} from '@drover/contract';
import { refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import type { Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import type { AssignDeps } from './assign.js';
import { readFirstBoot, type FirstBootReader, type ReadFirstBoot } from './first-boot.js';
import { findRunnable, pick, refuseSelector, tenantOf, wishOf } from './pick.js';
import { endRequest, mayComeFree, serveQueue } from './queue.js';
import type { RequestRecord } from './requests.js';

export interface ProvisionRequestDeps extends AssignDeps {
  readonly store: Store;
  readonly ids: Ids;
  readonly firstBoot: FirstBootReader;
  readonly defaultTenant: string;
}

/** A queue for devices: who asks gets one as soon as one fits, in the order of the asking, or hears that the time is over. */
export interface ProvisionRequests {
  /** Granted at once where something is free and nobody waited before. Refuses what can never be: an unknown image or device. */
  readonly create: (
    who: Principal,
    wanted: ProvisionRequestCreate,
    also?: Also<ProvisionRequest>,
  ) => Promise<Result<ProvisionRequest>>;
  readonly get: (who: Principal, id: string) => Promise<Result<ProvisionRequest>>;
  readonly list: (who: Principal, query: RequestListQuery) => Promise<Result<Page<ProvisionRequest>>>;
  /** Refuses with request.ended one that does not wait any more: what was granted is released. */
  readonly cancel: (who: Principal, id: string) => Promise<Result<ProvisionRequest>>;
  /** One round: serves every tenant's queue, ends what waited long enough. Returns how many got a device. */
  readonly serve: () => Promise<number>;
}

export interface RequestListQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly state?: ProvisionRequestState | undefined;
}

/** Of one tenant at once: each may mean a look for a device whenever one comes free. */
const mostWaiting = 1000;
const atOnce = 200;

export const createProvisionRequests = (deps: ProvisionRequestDeps): ProvisionRequests => {
  const { store, clock } = deps;
  const look = async <T>(who: Principal, work: (tx: Transaction) => Promise<Result<T>>): Promise<Result<T>> =>
    refuseBelow(who, 'reader') ?? store.read(work);
  return {
    create: async (who, { firstBoot, ...wanted }, also) => {
      const refused = refuseBelow(who, 'operator') ?? refuseSelector(wanted);
      if (refused !== undefined) return refused;
      const read = await readFirstBoot(deps.firstBoot, { firstBoot });
      if (!read.ok) return read;
      return store.transaction(async (tx) => {
        const record = await enter(deps, tx, who, { ...wanted, firstBoot: read.value });
        if (!record.ok) return record;
        await serveQueue(deps, tx, record.value.tenant);
        const shown = await present(tx, (await tx.requests.get(record.value.id)) ?? record.value);
        await also?.(tx, shown);
        return success(shown);
      });
    },
    get: (who, id) =>
      look(who, async (tx) => {
        const found = await find(tx, who, id);
        return found.ok ? success(await present(tx, found.value)) : found;
      }),
    list: (who, { limit, cursor, state }) =>
      look(who, async (tx) => {
        const tenant = tenantFilter(who);
        const page = await tx.requests.list(
          { ...(tenant == null ? {} : { tenant }), ...(state === undefined ? {} : { state }) },
          { limit, ...(cursor === undefined ? {} : { cursor }) },
        );
        const items: ProvisionRequest[] = [];
        for (const request of page.items) items.push(await present(tx, request));
        return success({ items, next: page.next });
      }),
    cancel: async (who, id) =>
      refuseBelow(who, 'operator') ??
      store.transaction(async (tx) => {
        const found = await find(tx, who, id);
        if (!found.ok) return found;
        const ended = { state: 'cancelled', device: null, reason: null } as const;
        if (!(await endRequest(deps, tx, found.value, ended, { by: who.key }))) return hasEnded(found.value);
        return success(await present(tx, (await tx.requests.get(id)) ?? found.value));
      }),
    serve: async () => {
      const tenants = await store.read((tx) => tx.requests.tenantsWaiting());
      let served = 0;
      for (const tenant of tenants) {
        served += await store.transaction(async (tx) => {
          await endOverdue(deps, tx);
          return serveQueue(deps, tx, tenant);
        });
      }
      return served;
    },
  };

  async function endOverdue(parts: ProvisionRequestDeps, tx: Transaction): Promise<void> {
    for (const request of await tx.requests.overdue(new Date(clock.now()).toISOString(), atOnce)) {
      const reason = `no device ${request.wish} came free in time`;
      await endRequest(parts, tx, request, { state: 'timed-out', device: null, reason }, { reason });
    }
  }
};

/** What is asked for, read. */
type Wanting = Omit<ProvisionRequestCreate, 'firstBoot'> & { readonly firstBoot: ReadFirstBoot | undefined };

/** Puts a request at the end of the queue of its tenant. */
async function enter(
  deps: ProvisionRequestDeps,
  tx: Transaction,
  who: Principal,
  { waitSeconds, ...wanted }: Wanting,
): Promise<Result<RequestRecord>> {
  const image = await findRunnable(tx, who, wanted);
  if (!image.ok) return image;
  const tenant = tenantOf(who, image.value, deps.defaultTenant);
  const possible = await pick(tx, who, image.value, wanted, tenant);
  if (!possible.ok && !mayComeFree(possible)) return possible;
  const waiting = await tx.requests.waiting(tenant, mostWaiting);
  if (waiting.length >= mostWaiting) return tooMany;
  const now = deps.clock.now();
  const at = new Date(now).toISOString();
  const record: RequestRecord = {
    ...{ id: deps.ids.next('req'), tenant, key: who.key, keyTenant: who.tenant },
    ...{ state: 'waiting', reason: possible.ok ? null : possible.detail, wanted },
    ...{ image: `${image.value.name}:${image.value.version}`, wish: wishOf(wanted), device: null },
    ...{ createdAt: at, waitsUntil: new Date(now + waitSeconds * 1000).toISOString(), endedAt: null },
  };
  await tx.requests.insert(record);
  const data = { wish: record.wish, image: record.image, waitsUntil: record.waitsUntil, by: who.key };
  await tx.events.append({ type: 'request.waiting', at, tenant, subject: record.id, data });
  return success(record);
}

const tooMany: Refusal = refusal('quota.exceeded', `${mostWaiting} requests of this tenant wait already.`, {
  remedy: 'Cancel some of them: drover request list',
});

async function find(tx: Transaction, who: Principal, id: string): Promise<Result<RequestRecord>> {
  const found = await tx.requests.get(id);
  if (found !== undefined && (who.tenant === null || found.tenant === who.tenant)) return success(found);
  return refusal('request.not-found', `There is no request ${id}.`, { remedy: 'See `drover request list`.' });
}

const hasEnded = ({ id, state, device }: RequestRecord) =>
  refusal('request.ended', `The request ${id} is ${state}.`, {
    remedy: device === null ? 'Ask anew.' : `Give the device back: drover release ${device}`,
    ...(device === null ? {} : { conflicts: [device] }),
  });

async function present(tx: Transaction, record: RequestRecord): Promise<ProvisionRequest> {
  const { key: _key, keyTenant: _keyTenant, wanted: _wanted, ...request } = record;
  const position = record.state === 'waiting' ? (await tx.requests.before(record)) + 1 : null;
  return { ...request, position };
}
