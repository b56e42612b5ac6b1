import type { Refusal } from '@drover/contract';
import type { Transaction } from '../store/ports.js';
import { assign, type AssignDeps } from './assign.js';
import { findRunnable, pick, type Chooser } from './pick.js';
import type { RequestRecord } from './requests.js';

/** Requests of one tenant looked at in one transaction. */
const atOnce = 200;

/**
 * Gives those who wait what became available, in the order they came; who waits for something else is passed by. In the caller's transaction. Returns
 * how many got something.
 */
export async function serveQueue(deps: AssignDeps, tx: Transaction, tenant: string): Promise<number> {
  const waiting = await tx.requests.waiting(tenant, atOnce);
  if (waiting.length === 0 || !(await hasFree(tx, tenant))) return 0;
  const at = new Date(deps.clock.now()).toISOString();
  let served = 0;
  for (const request of waiting) {
    if (request.waitsUntil > at && (await serve(deps, tx, request)) === 'granted') served += 1;
  }
  return served;
}

/** Most of the time nothing is free: then nobody's wish needs to be looked at. */
const hasFree = async (tx: Transaction, tenant: string): Promise<boolean> =>
  (await tx.devices.list({ tenant, state: 'available' }, { limit: 1 })).items.length > 0;

async function serve(deps: AssignDeps, tx: Transaction, request: RequestRecord): Promise<'granted' | 'not yet'> {
  const { wanted, tenant } = request;
  const who = await askerOf(tx, request);
  if (who === undefined) return refuse(deps, tx, request, 'the key it was asked with is no longer valid');
  const image = await findRunnable(tx, who, wanted);
  if (!image.ok) return refuse(deps, tx, request, image.detail);
  const device = await pick(tx, who, image.value, wanted, tenant);
  if (!device.ok) return mayComeFree(device) ? 'not yet' : refuse(deps, tx, request, device.detail);
  const now = deps.clock.now();
  const ttl = wanted.ttlSeconds;
  const leaseUntil = ttl === undefined ? null : new Date(now + ttl * 1000).toISOString();
  const assigning = { by: who.key, image: image.value, wanted, leaseUntil, firstBoot: wanted.firstBoot };
  await assign(deps, tx, device.value, assigning);
  const ended = { state: 'granted', device: device.value.id, reason: null } as const;
  await endRequest(deps, tx, request, ended, { device: device.value.id, deviceName: device.value.name });
  return 'granted';
}

/** A device that is in use, or one that fits, may be there tomorrow; one that does not exist may not. */
export const mayComeFree = ({ code }: Refusal): boolean => code === 'device.none-available' || code === 'device.state';

async function refuse(deps: AssignDeps, tx: Transaction, request: RequestRecord, reason: string): Promise<'not yet'> {
  await endRequest(deps, tx, request, { state: 'refused', device: null, reason }, { reason });
  return 'not yet';
}

/** Ends a request that waits, with its event; false when it does not wait any more. */
export async function endRequest(
  { clock }: Pick<AssignDeps, 'clock'>,
  tx: Transaction,
  { id, tenant, wish }: Pick<RequestRecord, 'id' | 'tenant' | 'wish'>,
  end: Omit<Parameters<Transaction['requests']['end']>[1], 'endedAt'>,
  data: Record<string, unknown>,
): Promise<boolean> {
  const at = new Date(clock.now()).toISOString();
  if (!(await tx.requests.end(id, { ...end, endedAt: at }))) return false;
  const type = end.state === 'granted' ? 'request.granted' : 'request.ended';
  await tx.events.append({ type, at, tenant, subject: id, data: { state: end.state, wish, ...data } });
  return true;
}

/** Who asked, as long as the key is good. */
async function askerOf(tx: Transaction, { key, keyTenant }: RequestRecord): Promise<Chooser | undefined> {
  const found = await tx.keys.get(key);
  if (found === undefined || found.revokedAt !== null) return undefined;
  return { key, name: found.name, tenant: keyTenant, role: found.role };
}
