/**
 * Drover's NBD listener over disks of a real pool, as a process whose CPU time can be measured.
 * Arguments: port, an empty folder for the pool. A line `make N IMAGE` on its input makes disks `0` to `N-1` anew over the image and holds them, as
 * boards that stay connected would; `drop` removes them. Each is answered with a line `done`.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClusterCache } from '@drover/disk-image';
import { createDiskExport, openLocalDisks } from '../../packages/server/src/adapters/disks/index.js';
import { createIds, systemClock } from '../../packages/server/src/adapters/system/index.js';
import type { HeldDisk } from '../../packages/server/src/app/disks/pool.js';
import type { Log } from '../../packages/server/src/app/ports.js';
import { createNbdListener, defaultNbdSettings, systemTimers } from '../../packages/server/src/listeners/nbd/index.js';

const [port = '0', dataDir = ''] = process.argv.slice(2);
const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: console.error, error: console.error, child: () => log };
const clock = systemClock;
const ids = createIds({ clock });
/** Images by what stands for their digest. */
const images = new Map<string, string>();
const blobPath = async (digest: string): Promise<string> => images.get(digest) ?? '';
// As large as it is unless people say otherwise.
const imageCache = createClusterCache({ bytes: 256 << 20 });
const uploadPath = (): string => '';
const pool = await openLocalDisks({ dataDir, blobPath, uploadPath, imageCache, clock, ids, log });

interface Made {
  readonly id: string;
  readonly held: HeldDisk;
}
const disks = new Map<string, Made>();

async function drop(): Promise<void> {
  // A client that has ended may not be gone here yet.
  while (listener.active().serving > 0) await sleep(10);
  for (const { id, held } of disks.values()) {
    await held.release();
    await pool.remove(id);
  }
  disks.clear();
}

async function make(count: number, image: string): Promise<void> {
  await drop();
  const digest = createHash('sha256').update(image).digest('hex');
  images.set(digest, image);
  const { size } = statSync(image);
  for (let each = 0; each < count; each += 1) {
    const id = ids.next('dsk');
    await pool.create({ disk: id, size, origin: { kind: 'image', digest } });
    disks.set(String(each), { id, held: await pool.hold(id) });
  }
}

const listener = createNbdListener({
  settings: { ...defaultNbdSettings, handshakesPerAddress: 64, listen: [{ host: '127.0.0.1', port: Number(port) }] },
  exports: {
    open: async ({ name }) => {
      const made = disks.get(name);
      if (made === undefined) return { ok: false, reason: 'unknown', message: 'there is no such disk' };
      const held = await pool.hold(made.id);
      return { ok: true, export: createDiskExport(held.disk, { label: name, release: () => held.release() }) };
    },
  },
  timers: systemTimers,
  log,
});
const stop = new AbortController();
await listener.start(stop.signal);

async function end(): Promise<void> {
  await listener.stop();
  await drop();
  await pool.close();
  process.exit(0);
}

process.once('SIGTERM', () => void end());
for await (const line of createInterface({ input: process.stdin })) {
  const [word, count, image = ''] = line.split(' ');
  await (word === 'make' ? make(Number(count), image) : drop());
  console.log('done');
}
// Whoever started it is gone.
await end();
