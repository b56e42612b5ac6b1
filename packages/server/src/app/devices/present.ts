import { refusal, type Device, type Refusal } from '@drover/contract';
import type { DeviceRecord } from './ports.js';

const etagOf = (record: DeviceRecord): string => `"${record.revision}"`;

/** A device as the API shows it. */
export const presentDevice = (record: DeviceRecord): Device => {
  const { revision: _revision, generation: _generation, ...device } = record;
  return { ...device, etag: etagOf(record) };
};

/** What If-Match asks for; undefined when the device is as the caller knows it, or the caller did not ask. `*` is any state of it. */
export const refuseChanged = (record: DeviceRecord, etag: string | undefined): Refusal | undefined =>
  etag === undefined || etag === '*' || etag === etagOf(record)
    ? undefined
    : refusal('precondition.failed', `${record.name} was changed meanwhile: it is at ${etagOf(record)}, not ${etag}`, {
        remedy: 'Read it again, and repeat the change if it is still wanted.',
      });
