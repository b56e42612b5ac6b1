import type { Disk, DiskKind, Principal } from '@drover/contract';
import * as z from 'zod';
import type { Disks } from '../../../app/disks/disks.js';
import { bakeryDisk, isShown, type BakeryDisk } from '../../../domain/bakery.js';
import { answered, failed, refusedAs, settled, type BakeryHandler } from './access.js';

export interface DiskDeps {
  readonly disks: Disks;
  /** As boards of that API run from directories, or not, so are their disks. */
  readonly diskKind: DiskKind;
}

const page = 500;
const patienceMs = 60_000;
const mebi = 2 ** 20;

const DiskRequest = z.object({
  size: z
    .number()
    .int()
    .min(1)
    .max(2 ** 24),
});

const create =
  ({ disks, diskKind: kind }: DiskDeps): BakeryHandler =>
  async (who, { body }) => {
    const wanted = DiskRequest.safeParse(body);
    if (!wanted.success) return failed(400, 'size is no whole number of MiB above 0');
    const made = await disks.create(who, { kind, size: wanted.data.size * mebi });
    if (!made.ok) return refusedAs(made);
    const ready = await settled(
      () => disks.get(who, made.value.id),
      (now) => !now.ok || now.value.state !== 'creating',
      patienceMs,
    );
    if (ready?.ok === true && ready.value.state === 'failed')
      return failed(500, ready.value.stateReason ?? 'it failed');
    return answered(201, bakeryDisk(ready?.ok === true ? ready.value : made.value));
  };

async function everyDisk(disks: Disks, who: Principal): Promise<Disk[]> {
  const found: Disk[] = [];
  let cursor: string | undefined;
  do {
    const part = await disks.list(who, { limit: page, role: 'data', ...(cursor === undefined ? {} : { cursor }) });
    found.push(...part.items);
    cursor = part.next ?? undefined;
  } while (cursor !== undefined);
  return found;
}

const list =
  ({ disks }: DiskDeps): BakeryHandler =>
  async (who) => {
    const found: Record<string, BakeryDisk> = {};
    for (const disk of await everyDisk(disks, who)) if (isShown(disk)) found[disk.id] = bakeryDisk(disk);
    return answered(200, { disks: found });
  };

const refOf = (request: { readonly params: unknown }): string => (request.params as Record<string, string>)['id'] ?? '';

/** Calls about disks. System disks are of the boards they belong to, and are seen there. */
export const diskHandlers = (deps: DiskDeps): Readonly<Record<string, BakeryHandler>> => ({
  'POST /disks': create(deps),
  'GET /disks': list(deps),
  'GET /disks/:id': async (who, request) => {
    const found = await deps.disks.get(who, refOf(request));
    return found.ok && isShown(found.value) ? answered(200, bakeryDisk(found.value)) : failed(404, 'no such disk');
  },
  'DELETE /disks/:id': async (who, request) => {
    const found = await deps.disks.get(who, refOf(request));
    if (!found.ok || !isShown(found.value)) return failed(404, 'no such disk');
    const done = await deps.disks.remove(who, refOf(request), true);
    if (!done.ok) return refusedAs(done);
    const isGone = await settled(
      () => deps.disks.get(who, done.value.id),
      (now) => !now.ok,
      patienceMs,
    );
    return isGone === undefined ? failed(500, 'the disk is still being deleted') : { status: 200 };
  },
});
