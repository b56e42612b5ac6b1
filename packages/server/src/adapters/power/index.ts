import type { AddressGuard } from './http/exchange.js';
import type { ConfiguredDriver, PowerDriver } from '../../app/power/ports.js';
import type { Log } from '../../app/ports.js';
import { httpDriver } from './http/driver.js';
import { manualDriver } from './manual/driver.js';
import { ppiDriver } from './ppi/driver.js';
import type { PowerDriverSettings } from './settings.js';
import { snmpDriver } from './snmp/driver.js';

export type { PowerDriverSettings } from './settings.js';

export interface PowerDriversDeps {
  readonly log: Pick<Log, 'info'>;
  /** Tells which addresses are this machine and its link. */
  readonly guard: AddressGuard;
}

const driverOf = (name: string, settings: PowerDriverSettings, { log, guard }: PowerDriversDeps): PowerDriver => {
  switch (settings.kind) {
    case 'ppi':
      return ppiDriver(name, settings);
    case 'http':
      return httpDriver(name, settings, guard);
    case 'snmp':
      return snmpDriver(name, settings);
    case 'manual':
      return manualDriver(name, log);
  }
};

/** The drivers of `power.drivers`, by name. */
export const createPowerDrivers = (
  settings: Readonly<Record<string, PowerDriverSettings>>,
  deps: PowerDriversDeps,
): ReadonlyMap<string, ConfiguredDriver> =>
  new Map(
    Object.entries(settings).map(([name, each]) => [
      name,
      {
        driver: driverOf(name, each, deps),
        limits: {
          concurrency: each.concurrency,
          staggerMs: each.staggerMs,
          timeoutMs: each.timeoutSeconds * 1000,
          retries: each.retries,
        },
      },
    ]),
  );
