import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { makeBase, openDiskHouse, type DiskHouse, type DiskHouseOptions } from '../disks/disk-house.js';
import { startNbd, type NbdLab } from './nbd-lab.js';

export interface DiskLab extends DiskHouse {
  readonly nbd: NbdLab;
  readonly folder: string;
  uri(name: string): string;
  /** Ends connections, closes disks; the files stay until the test is over. */
  stop(): Promise<void>;
}

const labs: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of labs.splice(0).reverse()) await end();
});

/** A folder for disks, with a base of this size in it, that is gone after the test. */
export async function diskFolder(baseSize: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-disks-'));
  labs.push(() => rm(folder, { recursive: true, force: true }));
  await makeBase(folder, baseSize);
  return folder;
}

/** Our NBD server over the disks of a folder. */
export async function startDisks(folder: string, options: Partial<DiskHouseOptions> = {}): Promise<DiskLab> {
  const house = await openDiskHouse({ folder, ...options });
  const nbd = await startNbd({}, {}, { exports: house.exports });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= nbd.stop().then(() => house.close()));
  labs.push(stop);
  return { ...house, nbd, folder, uri: (name) => nbd.uri(name), stop };
}
