import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { makeBase, openDiskHouse, type DiskHouse, type DiskHouseOptions } from '../disks/disk-house.js';
import { run, runWell, startNbd, type NbdLab } from './nbd-lab.js';

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

export interface CheckReport {
  /** What qemu-img ended with: 0 is sound, 2 is damaged, 3 has leaks only. */
  code: number;
  corruptions: number;
  leaks: number;
  errors: number;
}

/** What `qemu-img check` says of an overlay. */
export async function qemuCheck(path: string): Promise<CheckReport> {
  const { code, stdout, stderr } = await run('qemu-img', 'check', '--output=json', '-f', 'qcow2', path);
  if (!stdout.includes('{')) throw new Error(`qemu-img check ended with ${code}: ${stderr}`);
  const said = JSON.parse(stdout) as { corruptions?: number; leaks?: number; 'check-errors': number };
  return { code, corruptions: said.corruptions ?? 0, leaks: said.leaks ?? 0, errors: said['check-errors'] };
}

/** Nothing to complain of. */
export const sound: CheckReport = { code: 0, corruptions: 0, leaks: 0, errors: 0 };

/** Has `qemu-img compare` say whether an overlay, read by itself from its file and those below, is what a raw file holds. */
export async function qemuCompare(overlay: string, raw: string): Promise<string> {
  const { stdout, stderr } = await run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', overlay, raw);
  return `${stdout}${stderr}`.trim();
}

export interface MapEntry {
  start: number;
  length: number;
  depth: number;
  zero: boolean;
  data: boolean;
}

export const qemuMap = async (path: string): Promise<MapEntry[]> =>
  JSON.parse(await runWell('qemu-img', 'map', '--output=json', '-f', 'qcow2', path)) as MapEntry[];

/** Bytes of the file system that a file takes. */
export const spaceOf = async (path: string): Promise<number> => (await stat(path)).blocks * 512;
