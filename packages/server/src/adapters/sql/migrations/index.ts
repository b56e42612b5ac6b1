import type { Migration } from 'kysely';
import type { Traits } from '../traits.js';
import { foundation } from './0001-foundation.js';
import { upkeep } from './0002-upkeep.js';
import { disks } from './0003-disks.js';
import { backups } from './0005-backups.js';
import { backupQuota } from './0006-backup-quota.js';
import { restoredDisks } from './0007-restored-disks.js';
import { builds } from './0008-builds.js';
import { bootConfigs } from './0010-boot-configs.js';
import { cardVersions } from './0011-card-versions.js';
import { heartbeats } from './0012-heartbeats.js';
import { silence } from './0013-silence.js';
import { leasesAndRequests } from './0014-leases-and-requests.js';
import { power } from './0015-power.js';
import { deviceFiles } from './0016-device-files.js';
import { firstBoot } from './0017-first-boot.js';
import { directories } from './0018-directories.js';
import { disksToDelete } from './0019-disks-to-delete.js';
import { consoles } from './0020-consoles.js';
import { webSessions } from './0021-web-sessions.js';

/** Every migration in order, for both databases. Released ones never change; a change of the tables is a new file. */
export const migrations = (traits: Traits): Record<string, Migration> => ({
  '0001-foundation': foundation(traits),
  '0002-upkeep': upkeep(traits),
  '0003-disks': disks(traits),
  '0005-backups': backups(traits),
  '0006-backup-quota': backupQuota(traits),
  '0007-restored-disks': restoredDisks(traits),
  '0008-builds': builds(traits),
  '0010-boot-configs': bootConfigs(traits),
  '0011-card-versions': cardVersions(traits),
  '0012-heartbeats': heartbeats(traits),
  '0013-silence': silence(traits),
  '0014-leases-and-requests': leasesAndRequests(traits),
  '0015-power': power(traits),
  '0016-device-files': deviceFiles(traits),
  '0017-first-boot': firstBoot(traits),
  '0018-directories': directories(traits),
  '0019-disks-to-delete': disksToDelete(traits),
  '0020-consoles': consoles(traits),
  '0021-web-sessions': webSessions(traits),
});
