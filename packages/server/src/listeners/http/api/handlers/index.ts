import type { BytesHandlers, Handlers, StreamHandlers, TextHandlers } from '../handlers.js';
import type { Events } from '../../../../app/events/events.js';
import { backupHandlers, type BackupUseCases } from './backups.js';
import { bootConfigHandlers, type BootConfigUseCases } from './boot-configs.js';
import { buildHandlers, type BuildUseCases } from './builds.js';
import { cardHandlers, type CardUseCases } from './cards.js';
import { consoleHandlers, type ConsoleUseCases } from './consoles.js';
import { deviceHandlers, type DeviceUseCases } from './devices.js';
import { diskHandlers, type DiskUseCases } from './disks.js';
import { eventHandlers } from './events.js';
import { imageBytes, imageHandlers, type ImageUseCases } from './images.js';
import { jobHandlers, type JobUseCases } from './jobs.js';
import { sessionHandlers, type SessionUseCases } from './sessions.js';
import { tenantHandlers, type TenantUseCases } from './tenants.js';

/** The use cases behind the API. */
export interface UseCases
  extends
    BackupUseCases,
    BootConfigUseCases,
    BuildUseCases,
    CardUseCases,
    ConsoleUseCases,
    DeviceUseCases,
    DiskUseCases,
    ImageUseCases,
    JobUseCases,
    SessionUseCases,
    TenantUseCases {
  readonly events: Events;
}

/** A handler for every operation of the route table. */
export const createHandlers = (
  useCases: UseCases,
): { handlers: Handlers; streams: StreamHandlers; bytes: BytesHandlers; texts: TextHandlers } => {
  const backups = backupHandlers(useCases);
  const builds = buildHandlers(useCases);
  const consoles = consoleHandlers(useCases);
  const events = eventHandlers(useCases.events);
  const sessions = sessionHandlers(useCases);
  return {
    handlers: {
      ...tenantHandlers(useCases),
      ...cardHandlers(useCases),
      ...deviceHandlers(useCases),
      ...diskHandlers(useCases),
      ...backups.handlers,
      ...bootConfigHandlers(useCases),
      ...builds.handlers,
      ...consoles.handlers,
      ...imageHandlers(useCases),
      ...jobHandlers(useCases),
      ...events.handlers,
      ...sessions.handlers,
    },
    streams: { ...events.streams, ...sessions.streams },
    bytes: { ...backups.bytes, ...imageBytes(useCases), ...builds.bytes },
    texts: { ...builds.texts, ...consoles.texts },
  };
};
