import * as z from 'zod';
import { TenantId, Timestamp } from '../primitives.js';

/** Stable types of the durable event log, each written in the transaction of the change it tells of. */
export const eventTypes = [
  'server.started',
  'tenant.created',
  'tenant.updated',
  'key.created',
  'key.revoked',
  'card-key.rolled',
  'card-key.switched',
  'device.discovered',
  'device.registered',
  'device.adopted',
  'device.updated',
  'device.provisioned',
  'device.ready',
  'device.failed',
  'device.lease-changed',
  'device.lease-expired',
  'device.released',
  'device.deleted',
  'device.conflict',
  'device.up',
  'device.health',
  'request.waiting',
  'request.granted',
  'request.ended',
  'session.started',
  'session.ended',
  'session.revoked',
  'image.import-started',
  'image.ready',
  'image.failed',
  'image.deleted',
  'disk.created',
  'disk.ready',
  'disk.failed',
  'disk.updated',
  'disk.deleted',
  'disk.attached',
  'disk.detached',
  'disk.snapshot-taken',
  'disk.snapshot-deleted',
  'disk.backup-made',
  'disk.backup-deleted',
  'boot-config.changed',
  'boot-config.deleted',
  'build.created',
  'build.updated',
  'build.finished',
  'build.deleted',
  'job.created',
  'job.progress',
  'job.ended',
  'blob.corrupt',
] as const;
export const EventType = z.enum(eventTypes);
export type EventType = z.infer<typeof EventType>;

/** `id` grows and is what `Last-Event-ID` resumes from. `job.progress` is telemetry: live only, without a place in the log (id null). */
export const DomainEvent = z.object({
  id: z.number().int().nullable(),
  type: EventType,
  at: Timestamp,
  tenant: TenantId.nullable(),
  /** Id of the device, image, job, key ... it is about. */
  subject: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type DomainEvent = z.infer<typeof DomainEvent>;
