import type { Transaction } from '../../../app/store/ports.js';
import { createAuditRepository } from './audit.js';
import { createBackupRepository } from './backups.js';
import { createBootLayerRepository } from './boot-layers.js';
import { createBuildRepository } from './builds.js';
import { createBlobRepository } from './blobs.js';
import { createCardVersionRepository } from './card-versions.js';
import type { Context } from './context.js';
import { createDeviceFileRepository } from './device-files.js';
import { createFirstBootRepository } from './first-boots.js';
import { createDeviceRepository } from './devices.js';
import { createDiskRepository } from './disks.js';
import { createEventRepository } from './events.js';
import { createIdempotencyRepository } from './idempotency.js';
import { createImageRepository } from './images.js';
import { createJobRepository } from './jobs.js';
import { createKeyRepository } from './keys.js';
import { createRequestRepository } from './requests.js';
import { createSessionRepository } from './sessions.js';
import { createSettingRepository } from './settings.js';
import { createTenantRepository } from './tenants.js';
import { createTrackRepository } from './tracks.js';
import { createUploadRepository } from './uploads.js';
import { createWebSessionRepository } from './web-sessions.js';

type Made = { -readonly [K in keyof Transaction]?: Transaction[K] };

/** Each repository is made when it is first asked for: a transaction needs two or three, and making all costs more than a query. */
class Repositories implements Transaction {
  readonly #context: Context;
  readonly #made: Made = {};

  constructor(context: Context) {
    this.#context = context;
  }

  get tenants(): Transaction['tenants'] {
    return (this.#made.tenants ??= createTenantRepository(this.#context));
  }
  get keys(): Transaction['keys'] {
    return (this.#made.keys ??= createKeyRepository(this.#context));
  }
  get webSessions(): Transaction['webSessions'] {
    return (this.#made.webSessions ??= createWebSessionRepository(this.#context));
  }
  get audit(): Transaction['audit'] {
    return (this.#made.audit ??= createAuditRepository(this.#context));
  }
  get idempotency(): Transaction['idempotency'] {
    return (this.#made.idempotency ??= createIdempotencyRepository(this.#context));
  }
  get events(): Transaction['events'] {
    return (this.#made.events ??= createEventRepository(this.#context));
  }
  get jobs(): Transaction['jobs'] {
    return (this.#made.jobs ??= createJobRepository(this.#context));
  }
  get blobs(): Transaction['blobs'] {
    return (this.#made.blobs ??= createBlobRepository(this.#context));
  }
  get images(): Transaction['images'] {
    return (this.#made.images ??= createImageRepository(this.#context));
  }
  get uploads(): Transaction['uploads'] {
    return (this.#made.uploads ??= createUploadRepository(this.#context));
  }
  get devices(): Transaction['devices'] {
    return (this.#made.devices ??= createDeviceRepository(this.#context));
  }
  get disks(): Transaction['disks'] {
    return (this.#made.disks ??= createDiskRepository(this.#context));
  }
  get backups(): Transaction['backups'] {
    return (this.#made.backups ??= createBackupRepository(this.#context));
  }
  get builds(): Transaction['builds'] {
    return (this.#made.builds ??= createBuildRepository(this.#context));
  }
  get bootLayers(): Transaction['bootLayers'] {
    return (this.#made.bootLayers ??= createBootLayerRepository(this.#context));
  }
  get tracks(): Transaction['tracks'] {
    return (this.#made.tracks ??= createTrackRepository(this.#context));
  }
  get sessions(): Transaction['sessions'] {
    return (this.#made.sessions ??= createSessionRepository(this.#context));
  }
  get cardVersions(): Transaction['cardVersions'] {
    return (this.#made.cardVersions ??= createCardVersionRepository(this.#context));
  }
  get deviceFiles(): Transaction['deviceFiles'] {
    return (this.#made.deviceFiles ??= createDeviceFileRepository(this.#context));
  }
  get firstBoots(): Transaction['firstBoots'] {
    return (this.#made.firstBoots ??= createFirstBootRepository(this.#context));
  }
  get requests(): Transaction['requests'] {
    return (this.#made.requests ??= createRequestRepository(this.#context));
  }
  get settings(): Transaction['settings'] {
    return (this.#made.settings ??= createSettingRepository(this.#context));
  }
}

export const createRepositories = (context: Context): Transaction => new Repositories(context);
