/**
 * Serves the disks of a folder over NBD as a process of its own, to be killed. Argument: JSON with `folder` and perhaps `bootId`; with `baseSize`
 * the base and a disk of that size over it are made first. Says
 * `ready PORT`, and `opened NAME RECOVERY` for each disk that is opened. SIGTERM ends it in an orderly way.
 */
import type { OpenedDisk } from '../../src/adapters/disks/index.js';
import type { DiskOpenRequest, DiskOpened } from '../../src/app/disks/ports.js';
import { makeBase, openDiskHouse } from '../disks/disk-house.js';
import type { DiskServerSettings } from './disk-server.js';
import { startNbd } from './nbd-lab.js';

const settings = JSON.parse(process.argv[2]!) as DiskServerSettings;
const say = (...words: unknown[]): void => void process.stdout.write(`${words.join(' ')}\n`);

if (settings.baseSize !== undefined) await makeBase(settings.folder, settings.baseSize);
const house = await openDiskHouse({ ...settings, lingerMs: 600_000 });
if (settings.baseSize !== undefined) await house.create('disk');
const known = new Set<OpenedDisk>();

async function open(request: DiskOpenRequest): Promise<DiskOpened> {
  const opened = await house.exports.open(request);
  const { value, release } = await house.disks.acquire(request.name);
  if (!known.has(value)) say('opened', request.name, value.disk.recovery);
  known.add(value);
  release();
  return opened;
}

const nbd = await startNbd({}, {}, { exports: { open } });
process.once('SIGTERM', () => {
  void nbd
    .stop()
    .then(() => house.close())
    .then(() => process.exit(0));
});
say('ready', nbd.port);
