import type { Disk } from '@drover/contract';
import { withDisks, diskHint } from '../agent-settings.js';
import { idempotencyKey } from '../digests.js';
import { isRefusal } from '../explain.js';
import { CpiFailure } from '../failure.js';
import { inTurn, makeOnce, succeed } from '../jobs.js';
import { ephemeralDiskName } from '../names.js';
import type { ArgumentsOf } from '../schemas.js';
import type { Session } from '../session.js';
import { changeSettings, requireVm } from './vm.js';

const mebibyte = 2 ** 20;

/** In whatever state it is; undefined: there is none. */
export const lookUpDisk = async ({ client }: Session, ref: string): Promise<Disk | undefined> => {
  try {
    return await client.disks.get({ params: { ref } });
  } catch (error) {
    if (isRefusal(error, 'disk.not-found')) return undefined;
    throw error;
  }
};

/** undefined: there is none, or it is being deleted. */
export const findDisk = async (session: Session, ref: string): Promise<Disk | undefined> => {
  const disk = await lookUpDisk(session, ref);
  return disk?.state === 'deleting' ? undefined : disk;
};

export const requireDisk = async (session: Session, cid: string): Promise<Disk> => {
  const disk = await findDisk(session, cid);
  if (disk === undefined) throw new CpiFailure('DiskNotFound', `There is no disk ${cid}.`);
  return disk;
};

/** Makes a disk as a call wants it, and waits for it; one that could not be made is not left behind. */
export const makeDisk = async (
  session: Session,
  wanted: { size: number; name?: string },
  key: readonly unknown[],
): Promise<Disk> => {
  const { client } = session;
  const body = { ...wanted, size: wanted.size * mebibyte };
  const disk = await makeOnce(
    session,
    (attempt) => client.disks.create({ body }, { idempotencyKey: idempotencyKey(...key, attempt) }),
    async ({ id }) => {
      const now = await findDisk(session, id);
      return now !== undefined && now.state !== 'failed' && (now.attachments.length === 0 || wanted.name !== undefined);
    },
  );
  try {
    await succeed(session, disk.job);
  } catch (error) {
    await removeDisk(session, disk.id).catch(() => session.log.say(`the disk ${disk.id} stays behind`));
    throw error;
  }
  return client.disks.get({ params: { ref: disk.id } });
};

/** Until it is gone; one that is not there is gone. */
export const removeDisk = async (session: Session, id: string): Promise<void> => {
  try {
    const { job } = await inTurn(session, () => session.client.disks.delete({ params: { ref: id } }));
    await succeed(session, job);
  } catch (error) {
    if (!isRefusal(error, 'disk.not-found')) throw error;
  }
};

/** Data disks of a board, without what goes with its VM. */
const persistentDisks = async ({ client }: Session, device: string): Promise<Disk[]> => {
  const found: Disk[] = [];
  for await (const disk of client.each('listDisks', { query: { device, role: 'data' } })) {
    const has = disk.attachments.some((each) => each.device === device && each.state === 'attached');
    if (has && disk.name !== ephemeralDiskName(device)) found.push(disk);
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
};

/** Writes which disks the board has into the settings of its agent. They are read anew after it was written: of two calls at once the later one knows both. */
export const tellAgent = async (session: Session, device: string): Promise<void> => {
  const idsOf = (disks: readonly Disk[]): string => disks.map(({ id, name }) => `${id} ${name}`).join(' ');
  for (let told: string | undefined; ;) {
    const disks = await persistentDisks(session, device);
    if (idsOf(disks) === told) return;
    const named = disks.map(({ id, name }) => ({ cid: id, name }));
    await changeSettings(session, device, (settings) => withDisks(settings, named));
    told = idsOf(disks);
  }
};

export const createDisk = async (
  session: Session,
  [size, properties, vm]: ArgumentsOf<'create_disk'>,
): Promise<string> => {
  const { director, request } = session;
  const key = ['create_disk', director, request.context['request_id'] ?? null, size, properties, vm ?? null];
  return (await makeDisk(session, { size }, key)).id;
};

export const deleteDisk = async (session: Session, [cid]: ArgumentsOf<'delete_disk'>): Promise<null> => {
  const disk = await findDisk(session, cid);
  if (disk !== undefined) await removeDisk(session, disk.id);
  return null;
};

export const hasDisk = async (session: Session, [cid]: ArgumentsOf<'has_disk'>): Promise<boolean> =>
  (await findDisk(session, cid)) !== undefined;

export const attachDisk = async (session: Session, [vm, cid]: ArgumentsOf<'attach_disk'>): Promise<unknown> => {
  const { client } = session;
  const device = await requireVm(session, vm);
  const { id } = await requireDisk(session, cid);
  const disk = await inTurn(session, () => client.disks.attach({ params: { ref: id }, body: { device: device.id } }));
  await succeed(session, disk.job);
  await tellAgent(session, device.id);
  return session.version === 1 ? null : diskHint(disk.name);
};

export const detachDisk = async (session: Session, [vm, cid]: ArgumentsOf<'detach_disk'>): Promise<null> => {
  const { client } = session;
  const device = await requireVm(session, vm);
  const { id, name } = await requireDisk(session, cid);
  await inTurn(session, async () => {
    const { attachments } = await client.disks.get({ params: { ref: id } });
    // One that is detached already may be so by this call, made before.
    if (attachments.length === 0) return;
    if (!attachments.some((each) => each.device === device.id))
      throw new CpiFailure('DiskNotAttached', `The disk ${name} is attached to another VM than ${device.id}.`);
    const { job } = await client.disks.detach({ params: { ref: id }, body: { device: device.id } });
    await succeed(session, job);
  });
  await tellAgent(session, device.id);
  return null;
};

export const getDisks = async (session: Session, [vm]: ArgumentsOf<'get_disks'>): Promise<string[]> => {
  const device = await requireVm(session, vm);
  return (await persistentDisks(session, device.id)).map(({ id }) => id);
};

/** A disk becomes larger where it is; the director copies what it wants smaller. */
const resize = async (session: Session, cid: string, size: number): Promise<string> => {
  const { client } = session;
  const { id, name } = await requireDisk(session, cid);
  await inTurn(session, async () => {
    const disk = await client.disks.get({ params: { ref: id } });
    const bytes = size * mebibyte;
    if (bytes < disk.size)
      throw new CpiFailure(
        'NotSupported',
        `The disk ${name} has ${disk.size / mebibyte} MiB and does not become smaller.`,
      );
    if (bytes === disk.size && disk.job === null) return;
    const { job } = await client.disks.update({ params: { ref: id }, body: { size: bytes } });
    await succeed(session, job);
  });
  return id;
};

export const resizeDisk = async (session: Session, [cid, size]: ArgumentsOf<'resize_disk'>): Promise<null> => {
  await resize(session, cid, size);
  return null;
};

export const updateDisk = async (session: Session, [cid, size]: ArgumentsOf<'update_disk'>): Promise<string> =>
  resize(session, cid, size);

export const setDiskMetadata = async (session: Session, [cid]: ArgumentsOf<'set_disk_metadata'>): Promise<never> => {
  await requireDisk(session, cid);
  throw new CpiFailure('NotImplemented', 'Disks have no place for metadata.');
};
