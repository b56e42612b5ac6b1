import { backupsRoutes } from './backups.js';
import { bootConfigsRoutes } from './boot-configs.js';
import { buildsRoutes } from './builds.js';
import { cardsRoutes } from './cards.js';
import { consolesRoutes } from './consoles.js';
import { deviceFilesRoutes } from './device-files.js';
import { devicesRoutes } from './devices.js';
import { firstBootRoutes } from './first-boot.js';
import { disksRoutes } from './disks.js';
import { imagesRoutes } from './images.js';
import { jobsRoutes } from './jobs.js';
import { serverRoutes } from './server.js';
import { sessionsRoutes } from './sessions.js';
import { tenantsRoutes } from './tenants.js';

/** Every operation of `/api/v2`. Server, SDK, CLI and the OpenAPI document are made from this table. */
export const routes = {
  ...serverRoutes,
  ...devicesRoutes,
  ...deviceFilesRoutes,
  ...consolesRoutes,
  ...firstBootRoutes,
  ...bootConfigsRoutes,
  ...disksRoutes,
  ...backupsRoutes,
  ...imagesRoutes,
  ...buildsRoutes,
  ...cardsRoutes,
  ...jobsRoutes,
  ...sessionsRoutes,
  ...tenantsRoutes,
} as const;
