/**
 * Cuts the power of a recorded drive at random moments: makes what it may hold then, mounts the file system, and looks whether the disk on it
 * has lost anything that was promised. Prints a line of JSON for each moment. Argument: JSON of `JudgeSettings`; to be run in a mount namespace
 * of its own.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDiskFiles } from '../../packages/server/src/adapters/disks/index.js';
import { modelOf, openDiskHouse } from '../../packages/server/test/disks/disk-house.js';
import { followLine } from '../../packages/server/test/disks/workload.js';
import { randomFrom } from '../../packages/server/test/contract/support/child.js';
import { qemuCheck, sound } from '../../packages/server/test/interop/qemu-check.js';
import { drawMoments, writeState, type Moment } from './crash-states.js';
import type { Recording, RecordSettings } from './record.js';
import { tool } from './tools.js';
import { openWriteLog } from './write-log.js';

export interface JudgeSettings extends RecordSettings {
  moments: number;
}

export interface Verdict extends Moment {
  /** What is wrong, in words. */
  wrong: string[];
  /** How the disk was found. */
  recovery: string;
  /** Leaked clusters, which are harmless. */
  leaks: number;
}

const { folder, seed, diskSize, driveSize, moments } = JSON.parse(process.argv[2]!) as JudgeSettings;
const path = (name: string): string => join(folder, name);
const [state, mountPoint] = [path('state.img'), path('disks')];
const { from, to, lines } = JSON.parse(readFileSync(path('recording.json'), 'utf8')) as Recording;
const log = openWriteLog(path('drive.log'));
const entries = log.entries();
const chance = randomFrom(seed);

/** The disk of the mounted file system. */
async function judgeDisk(moment: Moment): Promise<Omit<Verdict, keyof Moment>> {
  const model = modelOf(diskSize);
  // What was answered after the drive's last flush promises nothing of this moment.
  for (const [line, writes] of lines) followLine(model, line, writes <= moment.durable);
  const overlay = join(mountPoint, 'disk.qcow2');
  const { corruptions, errors, leaks } = await qemuCheck(overlay);
  const wrong = corruptions + errors === 0 ? [] : [`qemu-img finds ${corruptions} corruptions, ${errors} errors`];
  const house = await openDiskHouse({ folder: mountPoint, bootId: 'after the power cut' });
  const opened = await openDiskFiles(house.placeOf('disk'), house.deps);
  const { recovery } = opened.disk;
  wrong.push(...model.judge(Buffer.from(await opened.disk.read(0, diskSize)), 'new-boot').slice(0, 3));
  await opened.close();
  await house.close();
  const after = await qemuCheck(overlay);
  if (JSON.stringify(after) !== JSON.stringify(sound)) wrong.push(`once closed: ${JSON.stringify(after)}`);
  return { wrong, recovery, leaks };
}

mkdirSync(mountPoint, { recursive: true });
for (const moment of drawMoments(entries, { from, to }, moments, chance)) {
  writeState(state, log, entries, moment, driveSize, chance);
  tool('mount', '-o', 'loop', state, mountPoint);
  const verdict = await judgeDisk(moment).catch((error: unknown) => ({
    wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    recovery: 'none',
    leaks: 0,
  }));
  tool('umount', mountPoint);
  process.stdout.write(`${JSON.stringify({ ...moment, ...verdict })}\n`);
}
process.exit(0);
