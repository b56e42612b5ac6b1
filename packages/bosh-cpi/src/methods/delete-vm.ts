import type { Device } from '@drover/contract';
import { isRefusal } from '../explain.js';
import { CpiFailure } from '../failure.js';
import { withoutVmLabels } from '../labels.js';
import { ephemeralDiskName } from '../names.js';
import type { ArgumentsOf } from '../schemas.js';
import { waitFor, type Session } from '../session.js';
import { findDisk, removeDisk } from './disks.js';
import { requireSupply, surelyOff } from './power.js';
import { changeLabels, findDevice, isVm } from './vm.js';

/** Retries of a driver, and a hook of the settings, take their time. */
const mostReleaseMs = 1_800_000;

/** Null only when the board is surely off. Its persistent disks are detached and stay. */
export const deleteVm = async (session: Session, [cid]: ArgumentsOf<'delete_vm'>): Promise<null> => {
  const device = await findDevice(session, cid);
  if (device === undefined) return null;
  if (await isVm(session, device)) {
    requireSupply(device);
    await giveBack(session, device);
  }
  // It was given back before; the call that did so may not have lived to see what follows.
  else if (device.state === 'available') await settle(session, device.id, await leftover(session, device.id));
  else session.log.say(`${device.name} is no VM: somebody else has it`);
  return null;
};

/** Ends what a board runs, waits until it is off, and takes away what was its VM's alone. */
export const giveBack = async (session: Session, device: Device): Promise<void> => {
  const { id } = device;
  const name = ephemeralDiskName(id);
  const own = await findDisk(session, name);
  await released(session, device);
  await settle(session, id, own?.id);
};

/** An ephemeral disk of a board that nobody has. */
const leftover = async (session: Session, device: string): Promise<string | undefined> => {
  const disk = await findDisk(session, ephemeralDiskName(device));
  // In this order: what is there while the board is free is nobody's.
  const now = await session.client.devices.get({ params: { ref: device } });
  return now.assignment === null ? disk?.id : undefined;
};

const released = async (session: Session, { id, name, state }: Device): Promise<void> => {
  const { client, clock } = session;
  const params = { ref: id };
  if (state === 'available') return;
  if (state !== 'releasing') {
    try {
      await client.devices.release({ params });
    } catch (error) {
      // Somebody else does it already.
      if (!isRefusal(error, 'device.state')) throw error;
    }
  }
  await waitFor(session, `${name} to be given back`, clock.now() + mostReleaseMs, async () => {
    const now = await client.devices.get({ params });
    if (now.state === 'failed')
      throw new CpiFailure('CloudError', `${name} cannot be deleted: ${now.stateReason ?? 'nobody knows why'}.`);
    // Given to somebody else since: it was free in between.
    return now.state === 'releasing' ? undefined : true;
  });
};

const settle = async (session: Session, device: string, disk: string | undefined): Promise<void> => {
  await surelyOff(session, device);
  if (disk !== undefined) await removeDisk(session, disk);
  await changeLabels(session, device, ({ labels, assignment }) => {
    const own = withoutVmLabels(labels);
    return assignment !== null || Object.keys(own).length === Object.keys(labels).length ? undefined : own;
  });
};
