import type { Device } from '@drover/contract';
import { settingsPath, type AgentSettings } from '../agent-settings.js';
import { isRefusal } from '../explain.js';
import { CpiFailure } from '../failure.js';
import type { Session } from '../session.js';

// A VM is a board that holds the settings of an agent: the server takes them away when the board is given back, whoever does that, and nobody else puts them there.

/** undefined: there is no such board. */
export const findDevice = async ({ client }: Session, ref: string): Promise<Device | undefined> => {
  try {
    return await client.devices.get({ params: { ref } });
  } catch (error) {
    if (isRefusal(error, 'device.not-found', 'device.ambiguous')) return undefined;
    throw error;
  }
};

/** Whether a board is a VM, be it one that is just given back. */
export const isVm = async ({ client }: Session, { id, state }: Device): Promise<boolean> => {
  if (state === 'discovered' || state === 'available') return false;
  const { items } = await client.deviceFiles.list({ params: { ref: id } });
  return items.some(({ path }) => path === settingsPath);
};

export const findVm = async (session: Session, cid: string): Promise<Device | undefined> => {
  const device = await findDevice(session, cid);
  return device !== undefined && (await isVm(session, device)) ? device : undefined;
};

/** One that can be worked with. */
export const requireVm = async (session: Session, cid: string): Promise<Device> => {
  const device = await findVm(session, cid);
  if (device?.assignment == null) throw new CpiFailure('VMNotFound', `There is no VM ${cid}.`);
  return device;
};

export const putSettings = async ({ client }: Session, device: string, settings: AgentSettings): Promise<void> => {
  const content = Buffer.from(JSON.stringify(settings)).toString('base64');
  await client.deviceFiles.put({ params: { ref: device }, body: { path: settingsPath, mode: '0600', content } });
};

/** A board that is up gets the change within seconds (docs/how-to/ask-for-a-pi.md). */
export const changeSettings = async (
  session: Session,
  device: string,
  change: (settings: AgentSettings) => AgentSettings,
): Promise<void> => {
  const file = await session.client.deviceFiles.get({ params: { ref: device }, query: { path: settingsPath } });
  const before = Buffer.from(file.content, 'base64').toString();
  const after = change(JSON.parse(before) as AgentSettings);
  if (JSON.stringify(after) !== before) await putSettings(session, device, after);
};

const mostTries = 10;

/** Changes the labels of a board, of which others may change others meanwhile. `change` gives undefined where they are to stay. */
export const changeLabels = async (
  session: Session,
  ref: string,
  change: (device: Device) => Record<string, string> | undefined,
): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    const device = await session.client.devices.get({ params: { ref } });
    const labels = change(device);
    if (labels === undefined) return;
    try {
      await session.client.devices.update({ params: { ref: device.id }, body: { labels } }, { ifMatch: device.etag });
      return;
    } catch (error) {
      if (!isRefusal(error, 'precondition.failed') || attempt === mostTries) throw error;
    }
  }
};
