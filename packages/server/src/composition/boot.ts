import { bakeryFiles } from '../app/boot/bakery-files.js';
import type { TimelineFeed } from '../app/boot/ports.js';
import { createBootService, type BootService, type BootServiceDeps } from '../app/boot/service.js';
import type { Discovery } from '../app/devices/discovery.js';
import type { Clock, Ids, Log } from '../app/ports.js';
import type { Settings } from '../config.js';
import type { Storage } from './storage.js';

/** The control plane's side of booting: what the boot plane asks, and boot sessions. */
export const createBoot = (
  { site, boot, bakery, retention }: Settings,
  { store, blobs }: Storage,
  parts: {
    clock: Clock;
    ids: Ids;
    log: Log;
    feed: TimelineFeed;
    defaultTenant: string;
    authenticate: BootServiceDeps['authenticate'];
    diskOrders: BootServiceDeps['diskOrders'];
    retire: BootServiceDeps['retire'];
    enqueue: BootServiceDeps['enqueue'];
    effectiveConfig: BootServiceDeps['effectiveConfig'];
    onUnassigned: BootServiceDeps['onUnassigned'];
    discovery: Discovery;
  },
): BootService => {
  const { discovery } = parts;
  const seen = {
    autoAdopt: boot.autoAdopt || bakery.autoAdopt === true ? parts.defaultTenant : null,
    discoveredLimit: boot.maxDiscovered,
  };
  return createBootService({
    ...parts,
    store,
    blobs,
    ...(bakery.enabled ? { moreFiles: bakeryFiles } : {}),
    registerSeen: (wire, tenant) =>
      discovery.registerSeen(wire, tenant === undefined ? seen : { ...seen, autoAdopt: tenant }),
    learnSerial: (device, serial) => discovery.learnSerial(device, serial),
    learnMemory: (device, memoryKiB) => discovery.learnMemory(device, memoryKiB),
    settings: {
      site,
      dhcpMode: boot.dhcp.mode,
      sessionTtlSeconds: boot.sessionTtlSeconds,
      retentionDays: retention.sessionsDays,
      heartbeatSeconds: boot.heartbeatSeconds,
    },
  });
};
