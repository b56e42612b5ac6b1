import type { BytesHandlers, Handlers, StreamHandlers } from '../handlers.js';
import type { Events } from '../../../../app/events/events.js';
import { backupHandlers, type BackupUseCases } from './backups.js';
import { deviceHandlers, type DeviceUseCases } from './devices.js';
import { diskHandlers, type DiskUseCases } from './disks.js';
import { eventHandlers } from './events.js';
import { imageHandlers, type ImageUseCases } from './images.js';
import { jobHandlers, type JobUseCases } from './jobs.js';
import { sessionHandlers, type SessionUseCases } from './sessions.js';
import { tenantHandlers, type TenantUseCases } from './tenants.js';

/** The use cases behind the API. */
export interface UseCases
  extends BackupUseCases, DeviceUseCases, DiskUseCases, ImageUseCases, JobUseCases, SessionUseCases, TenantUseCases {
  readonly events: Events;
}

/** A handler for every operation of the route table. */
export const createHandlers = (
  useCases: UseCases,
): { handlers: Handlers; streams: StreamHandlers; bytes: BytesHandlers } => {
  const backups = backupHandlers(useCases);
  const images = imageHandlers(useCases);
  const events = eventHandlers(useCases.events);
  const sessions = sessionHandlers(useCases);
  return {
    handlers: {
      ...tenantHandlers(useCases),
      ...deviceHandlers(useCases),
      ...diskHandlers(useCases),
      ...backups.handlers,
      ...images.handlers,
      ...jobHandlers(useCases),
      ...events.handlers,
      ...sessions.handlers,
    },
    streams: { ...events.streams, ...sessions.streams },
    bytes: { ...backups.bytes, ...images.bytes },
  };
};
