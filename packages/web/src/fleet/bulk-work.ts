import type { Device } from '@drover/contract';
import { client } from '../api/client.js';
import { deviceStore } from '../live/live.js';
import { textOfError } from '../ui/Notice.js';

export interface BulkOutcome {
  readonly name: string;
  readonly isDone: boolean;
  readonly text: string;
}

export type BulkWork = (device: Device) => Promise<Device | null>;

const params = (device: Device) => ({ ref: device.id });

/** What an action does to one board; null: it is gone, or what became of it is told by events. */
export const works = {
  adopt: (): BulkWork => (device) => client.devices.adopt({ params: params(device), body: {} }),
  provision:
    (body: Omit<Parameters<typeof client.devices.provision>[0]['body'], 'device'>): BulkWork =>
    (device) =>
      client.devices.provision({ body: { ...body, device: device.id } }),
  release:
    (disk: 'wipe' | 'keep'): BulkWork =>
    (device) =>
      client.devices.release({ params: params(device), query: { disk } }),
  power:
    (action: 'on' | 'off' | 'cycle'): BulkWork =>
    async (device) => {
      await client.devices.power({ params: params(device), body: { action } });
      return null;
    },
  label:
    (changes: Readonly<Record<string, string | null>>): BulkWork =>
    (device) => {
      const labels = { ...device.labels };
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) delete labels[key];
        else labels[key] = value;
      }
      return client.devices.update({ params: params(device), body: { labels } }, { ifMatch: device.etag });
    },
  delete: (): BulkWork => async (device) => {
    await client.devices.delete({ params: params(device) });
    deviceStore.touch([device.id]);
    return null;
  },
};

/** Requests under way at once. */
const abreast = 4;

/** Does one thing to many boards, and tells of each what became of it. */
export const doToAll = async (
  devices: readonly Device[],
  work: BulkWork,
  onOutcome: (outcome: BulkOutcome) => void,
): Promise<void> => {
  const waiting = [...devices];
  const worker = async (): Promise<void> => {
    for (let device = waiting.shift(); device !== undefined; device = waiting.shift()) {
      try {
        const changed = await work(device);
        if (changed !== null) deviceStore.put(changed);
        onOutcome({ name: device.name, isDone: true, text: changed?.stateReason ?? '' });
      } catch (error) {
        onOutcome({ name: device.name, isDone: false, text: textOfError(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: abreast }, worker));
};

/** `rack=a, -role` as changes: a value to set, null to take away; undefined where it cannot be read. */
export const readLabelChanges = (text: string): Readonly<Record<string, string | null>> | undefined => {
  const changes: Record<string, string | null> = {};
  for (const part of text.split(/[,\s]+/).filter(Boolean)) {
    const [, minus, key, value] = /^(-?)([a-z0-9][a-z0-9._/-]*)(?:=([A-Za-z0-9._-]*))?$/.exec(part) ?? [];
    if (key === undefined || (minus === '-') === (value !== undefined)) return undefined;
    changes[key] = minus === '-' ? null : (value ?? '');
  }
  return Object.keys(changes).length === 0 ? undefined : changes;
};
