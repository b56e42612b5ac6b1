import type { Device, Disk, Job, Principal, RootMode } from '@drover/contract';
import * as z from 'zod';
import type { DeviceFiles } from '../../../app/devices/files.js';
import type { Devices } from '../../../app/devices/devices.js';
import type { Provisioning } from '../../../app/devices/provisioning.js';
import type { Attachments } from '../../../app/disks/attachments.js';
import type { Disks } from '../../../app/disks/disks.js';
import type { Jobs } from '../../../app/jobs/jobs.js';
import type { Power } from '../../../app/power/power.js';
import { imageOfBakeform, isShown, piOf, statusOf, type Pi } from '../../../domain/bakery.js';
import { answered, failed, refusedAs, settled, type Answered, type BakeryHandler } from './access.js';

export interface BoardDeps {
  readonly devices: Devices;
  readonly provisioning: Provisioning;
  readonly disks: Disks;
  readonly attachments: Attachments;
  readonly deviceFiles: DeviceFiles;
  readonly jobs: Pick<Jobs, 'get'>;
  readonly power: Power;
  readonly rootMode: RootMode;
  /** How long disks of a board stay when it is given back, ms. */
  readonly keepDisksMs: number;
}

const page = 500;
/** What Bakery did before it answered takes as long here: to switch a board, to let go of a disk. */
const patienceMs = 120_000;

const paramOf = (request: { readonly params: unknown }, name: string): string =>
  (request.params as Record<string, string>)[name] ?? '';

async function everyDevice({ devices }: BoardDeps, who: Principal): Promise<Device[]> {
  const found: Device[] = [];
  let cursor: string | undefined;
  do {
    const result = await devices.list(who, { limit: page, cursor });
    if (!result.ok) return found;
    found.push(...result.value.items);
    cursor = result.value.next ?? undefined;
  } while (cursor !== undefined);
  return found;
}

const disksOf = async ({ disks }: BoardDeps, who: Principal, device: Device): Promise<Disk[]> =>
  (await disks.list(who, { limit: page, device: device.id })).items;

const showPi = async (deps: BoardDeps, who: Principal, device: Device): Promise<Pi | undefined> =>
  piOf(device, await disksOf(deps, who, device));

/** Fridge and oven: boards by their id. */
const listed =
  (deps: BoardDeps, isIn: (status: number) => boolean): BakeryHandler =>
  async (who) => {
    const pis: Record<string, Pi> = {};
    for (const device of await everyDevice(deps, who)) {
      const status = statusOf(device);
      if (status === undefined || !isIn(status)) continue;
      const pi = await showPi(deps, who, device);
      if (pi !== undefined) pis[pi.id] = pi;
    }
    return answered(200, pis);
  };

const BakeRequest = z.object({ bakeformName: z.string().min(1).max(200) });

const bake =
  (deps: BoardDeps): BakeryHandler =>
  async (who, { body }) => {
    const wanted = BakeRequest.safeParse(body);
    if (!wanted.success) return failed(400, 'bakeformName is missing: {"bakeformName": "..."}');
    const image = imageOfBakeform(wanted.data.bakeformName);
    const target = { image, rootMode: deps.rootMode, kernelParameters: '', any: true };
    const given = await deps.provisioning.provision(who, target);
    if (given.ok) return answered(202, await showPi(deps, who, given.value));
    if (given.code === 'device.none-available') return failed(404, 'no available Pi found');
    return refusedAs(given, { 'image.not-found': 400, 'image.not-ready': 400, 'image.unfit': 400 });
  };

const show =
  (deps: BoardDeps): BakeryHandler =>
  async (who, request) => {
    const device = await deps.devices.get(who, paramOf(request, 'id'));
    const pi = device.ok ? await showPi(deps, who, device.value) : undefined;
    return pi === undefined ? failed(404, `no Pi ${paramOf(request, 'id')}`) : answered(200, pi);
  };

const unbake =
  (deps: BoardDeps): BakeryHandler =>
  async (who, request) => {
    const id = paramOf(request, 'id');
    const device = await deps.devices.get(who, id);
    if (!device.ok) return failed(500, `no Pi ${id}`);
    if (device.value.state === 'available') return failed(403, `${id} is not in use`);
    const attached = (await disksOf(deps, who, device.value)).filter(({ role }) => role === 'data');
    const begun = await deps.provisioning.release(who, id);
    if (!begun.ok) return refusedAs(begun, { 'device.state': 403 });
    // Bakery destroyed them: a director may have meant to keep one.
    const deleteAt = new Date(Date.now() + deps.keepDisksMs).toISOString();
    for (const disk of attached) await deps.disks.retire(who, disk.id, deleteAt);
    const ended = await settled(
      () => deps.devices.get(who, id),
      (now) => !now.ok || now.value.state !== 'releasing',
      patienceMs,
    );
    if (ended?.ok === true && ended.value.state === 'failed')
      return failed(500, ended.value.stateReason ?? 'it failed');
    return ended === undefined ? failed(500, `${id} is still being released`) : { status: 200 };
  };

const endOf = (deps: BoardDeps, who: Principal, job: string): Promise<Job | undefined> =>
  settled(
    async () => {
      const found = await deps.jobs.get(who, job);
      return found.ok ? found.value : undefined;
    },
    (found) => found?.endedAt !== null,
    patienceMs,
  );

const cycle =
  (deps: BoardDeps): BakeryHandler =>
  async (who, request) => {
    const begun = await deps.power.act(who, paramOf(request, 'id'), 'cycle');
    if (!begun.ok) return refusedAs(begun, { 'power.unsupported': 500, 'job.unfinished': 500 });
    const ended = await endOf(deps, who, begun.value.id);
    if (ended?.state === 'succeeded') return { status: 200 };
    return failed(500, ended?.error?.detail ?? 'the power program did not end');
  };

const AttachRequest = z.object({ diskId: z.string().min(1).max(64) });

/** Once the board has it, or when it is up again. A board that is away does not hold up its director. */
async function afterWork(deps: BoardDeps, who: Principal, disk: Disk): Promise<Answered> {
  if (disk.job !== null) await endOf(deps, who, disk.job);
  return { status: 200 };
}

const attach =
  (deps: BoardDeps): BakeryHandler =>
  async (who, request) => {
    const wanted = AttachRequest.safeParse(request.body);
    if (!wanted.success) return failed(400, 'diskId is missing: {"diskId": "..."}');
    const device = paramOf(request, 'id');
    const disk = await deps.disks.get(who, wanted.data.diskId);
    if (disk.ok && !isShown(disk.value) && disk.value.role === 'data') return failed(404, 'no such disk');
    const done = await deps.attachments.attach(who, wanted.data.diskId, { device, access: 'read-write' });
    return done.ok ? afterWork(deps, who, done.value) : refusedAs(done);
  };

const detach =
  (deps: BoardDeps): BakeryHandler =>
  async (who, request) => {
    const [device, disk] = [paramOf(request, 'id'), paramOf(request, 'diskId')];
    const done = await deps.attachments.detach(who, disk, { device, force: false });
    // Bakery says yes here and does nothing: then the caller believes that the root is free.
    return done.ok
      ? afterWork(deps, who, done.value)
      : refusedAs(done, { 'disk.not-attached': 404, 'disk.in-use': 409 });
  };

const folder = '/piConfig';

/** Files of a board, once it has a root to have them on. */
const ownFile =
  (
    deps: BoardDeps,
    work: (who: Principal, id: string, path: string, body: unknown) => Promise<Answered>,
  ): BakeryHandler =>
  async (who, request) => {
    const [id, file] = [paramOf(request, 'id'), paramOf(request, 'file')];
    const device = await deps.devices.get(who, id);
    if (!device.ok || device.value.state === 'available') return failed(404, `${id} is not in the oven`);
    if (device.value.state !== 'in-use') return failed(510, `${id} is not ready`);
    if (!/^[A-Za-z0-9._-]{1,100}$/.test(file) || file.startsWith('.'))
      return failed(400, `${file} is no name of a file`);
    return work(who, id, `${folder}/${file}`, request.body);
  };

const upload = (deps: BoardDeps): BakeryHandler =>
  ownFile(deps, async (who, id, path, body) => {
    const content = (Buffer.isBuffer(body) ? body : Buffer.alloc(0)).toString('base64');
    const done = await deps.deviceFiles.put(who, id, { path, content, mode: '0600', uid: 0, gid: 0 });
    return done.ok ? { status: 200 } : refusedAs(done);
  });

const download = (deps: BoardDeps): BakeryHandler =>
  ownFile(deps, async (who, id, path) => {
    const found = await deps.deviceFiles.get(who, id, path);
    return found.ok ? { status: 200, bytes: Buffer.from(found.value.content, 'base64') } : refusedAs(found);
  });

/** Calls about boards: `METHOD path` and what is done. */
export const boardHandlers = (deps: BoardDeps): Readonly<Record<string, BakeryHandler>> => ({
  'GET /fridge': listed(deps, (status) => status === 1),
  'POST /fridge': bake(deps),
  'GET /oven': listed(deps, (status) => status !== 1),
  'GET /oven/:id': show(deps),
  'DELETE /oven/:id': unbake(deps),
  'POST /oven/:id/powercycle': cycle(deps),
  'POST /oven/:id/disks': attach(deps),
  'DELETE /oven/:id/disks/:diskId': detach(deps),
  'POST /oven/:id/upload/:file': upload(deps),
  'GET /oven/:id/download/:file': download(deps),
});
