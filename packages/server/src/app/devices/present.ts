import { refusal, type Device, type DevicePower, type Refusal } from '@drover/contract';
import { healthOf } from '../../domain/device-health.js';
import type { DeviceRecord, PowerRecord } from './ports.js';

const etagOf = (record: DeviceRecord): string => `"${record.revision}"`;

const presentPower = ({ actedAt: _actedAt, proofUntil: _proofUntil, ...power }: PowerRecord): DevicePower => power;

/** A device as the API shows it at a moment (RFC 3339). */
export const presentDevice = (record: DeviceRecord, at: string): Device => {
  const { revision: _revision, generation: _generation, beat: _beat, power, ...device } = record;
  return { ...device, power: power && presentPower(power), health: healthOf(record, at), etag: etagOf(record) };
};

/** What If-Match asks for; undefined when the device is as the caller knows it, or the caller did not ask. `*` is any state of it. */
export const refuseChanged = (record: DeviceRecord, etag: string | undefined): Refusal | undefined =>
  etag === undefined || etag === '*' || etag === etagOf(record)
    ? undefined
    : refusal('precondition.failed', `${record.name} was changed meanwhile: it is at ${etagOf(record)}, not ${etag}`, {
        remedy: 'Read it again, and repeat the change if it is still wanted.',
      });
