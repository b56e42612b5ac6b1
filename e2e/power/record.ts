/**
 * Serves a disk from a file system on a drive that records all that is written to it, has libnbd clients change the disk, and notes what they
 * were told and how much the drive had been given by then. No guest: qemu-storage-daemon records and shows the drive as a file through FUSE,
 * and the kernel makes a loop device of that. Argument: JSON of `RecordSettings`; to be run in a mount namespace of its own.
 */
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBase, modelOf, openDiskHouse } from '../../packages/server/test/disks/disk-house.js';
import { runWorkload } from '../../packages/server/test/disks/workload.js';
import { startNbd } from '../../packages/server/test/interop/nbd-lab.js';
import { makeLog, recordedDrive } from './recorded-drive.js';
import { tiedTool, tool } from './tools.js';
import { openWriteLog } from './write-log.js';

export interface RecordSettings {
  folder: string;
  seed: number;
  changes: number;
  /** Bytes of the drive, and of the disk. */
  driveSize: number;
  diskSize: number;
}

export interface Recording {
  /** How many writes the drive had been given when the clients began, and when they ended. */
  from: number;
  to: number;
  /** What the workload said, and how many writes there were by then. */
  lines: [line: string, writes: number][];
}

const { folder, seed, changes, driveSize, diskSize } = JSON.parse(process.argv[2]!) as RecordSettings;
const path = (name: string): string => join(folder, name);
const [drive, log, shown, mountPoint] = [path('drive.img'), path('drive.log'), path('drive'), path('disks')];

async function plugIn(): Promise<void> {
  for (const name of [drive, shown]) writeFileSync(name, '');
  truncateSync(drive, driveSize);
  makeLog(log);
  tiedTool(
    'qemu-storage-daemon',
    ...recordedDrive(drive, log),
    ...['--export', `type=fuse,id=fuse,node-name=recorded,mountpoint=${shown},writable=on`],
  );
  while (statSync(shown).size === 0) await sleep(20);
}

await plugIn();
const device = tool('losetup', '--find', '--show', shown);
tool('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', device);
mkdirSync(mountPoint);
tool('mount', device, mountPoint);
// Takes effect when it is unmounted, also by the end of this process and its namespace.
tool('losetup', '--detach', device);
const writes = openWriteLog(log);
await makeBase(mountPoint, diskSize);
const house = await openDiskHouse({ folder: mountPoint, lingerMs: 600_000 });
await house.create('disk');
const nbd = await startNbd({}, {}, { exports: house.exports });
const recording: Recording = { from: writes.count(), to: 0, lines: [] };
const onLine = (line: string): void => void recording.lines.push([line, writes.count()]);
const result = await runWorkload(modelOf(diskSize), { uri: nbd.uri('disk'), seed, changes, durable: 0.1, onLine });
if (!result.ended) throw new Error(result.errors);
recording.to = writes.count();
writeFileSync(path('recording.json'), JSON.stringify(recording));
await nbd.stop();
await house.close();
tool('umount', mountPoint);
process.exit(0);
