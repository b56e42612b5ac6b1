import { join } from 'node:path';
import type { Model } from '@drover/contract';
import { createSqlStore } from '../../src/adapters/sql/index.js';
import { aDevice } from '../contract/support/records.js';
import { createTestLog } from '../contract/support/world.js';

export interface SeedBoard {
  readonly name: string;
  readonly model: Model;
  readonly mac: string;
  readonly serial: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Puts boards that are free into the database of a server that does not run: thousands in a second or two. */
export const seedFleet = async (dataDir: string, boards: readonly SeedBoard[]): Promise<void> => {
  const store = await createSqlStore({ file: join(dataDir, 'drover.sqlite'), log: createTestLog() });
  try {
    await store.transaction(async (tx) => {
      const tenant = await tx.tenants.findByName('default');
      for (const { mac, serial, ...board } of boards) {
        const identities = [
          { kind: 'mac', value: mac },
          { kind: 'serial', value: serial },
        ] as const;
        await tx.devices.insert(
          aDevice({
            ...board,
            mac,
            serial,
            tenant: tenant?.id ?? null,
            state: 'available',
            identities: [...identities],
          }),
        );
      }
    });
  } finally {
    await store.close();
  }
};
