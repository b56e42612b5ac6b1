import type { Transaction } from '../../../app/store/ports.js';
import { createAuditRepository } from './audit.js';
import { createBackupRepository } from './backups.js';
import { createBlobRepository } from './blobs.js';
import type { Context } from './context.js';
import { createDeviceRepository } from './devices.js';
import { createDiskRepository } from './disks.js';
import { createEventRepository } from './events.js';
import { createIdempotencyRepository } from './idempotency.js';
import { createImageRepository } from './images.js';
import { createJobRepository } from './jobs.js';
import { createKeyRepository } from './keys.js';
import { createSessionRepository } from './sessions.js';
import { createSettingRepository } from './settings.js';
import { createTenantRepository } from './tenants.js';
import { createUploadRepository } from './uploads.js';

export const createRepositories = (context: Context): Transaction => ({
  tenants: createTenantRepository(context),
  keys: createKeyRepository(context),
  audit: createAuditRepository(context),
  idempotency: createIdempotencyRepository(context),
  events: createEventRepository(context),
  jobs: createJobRepository(context),
  blobs: createBlobRepository(context),
  images: createImageRepository(context),
  uploads: createUploadRepository(context),
  devices: createDeviceRepository(context),
  disks: createDiskRepository(context),
  backups: createBackupRepository(context),
  sessions: createSessionRepository(context),
  settings: createSettingRepository(context),
});
