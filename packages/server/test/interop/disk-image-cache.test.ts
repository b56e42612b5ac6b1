import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClusterCache } from '@drover/disk-image';
import { expect, it } from 'vitest';
import { createDiskExport, createImageExport, openLocalDisks } from '../../src/adapters/disks/index.js';
import type { ExportDirectory } from '../../src/app/disks/ports.js';
import { createTestLog, systemClock, testIds } from '../contract/support/world.js';
import { inFolder, nbdsh, startNbd } from './nbd-lab.js';

const mib = 1 << 20;
const boards = 100;

/** A disk of its own over the image under the name of each board; the image itself under names that begin with `stream`. */
async function openFleet(folder: string, image: Buffer, cacheBytes: number) {
  const path = join(folder, 'image');
  await writeFile(path, image);
  await mkdir(join(folder, 'data'));
  const imageCache = createClusterCache({ bytes: cacheBytes });
  const parts = { clock: systemClock, ids: testIds, log: createTestLog() };
  const pool = await openLocalDisks({
    dataDir: join(folder, 'data'),
    blobPath: async () => path,
    uploadPath: () => '',
    imageCache,
    ...parts,
  });
  const digest = createHash('sha256').update(image).digest('hex');
  const disks = new Map<string, string>();
  for (let board = 0; board < boards / 2; board += 1) {
    const disk = testIds.next('dsk');
    await pool.create({ disk, size: image.length, origin: { kind: 'image', digest } });
    disks.set(`own${board}`, disk);
  }
  const exports: ExportDirectory = {
    open: async ({ name }) => {
      const id = disks.get(name);
      if (id === undefined) {
        const held = await pool.holdImage(digest);
        return { ok: true, export: createImageExport(held.view, { label: name, release: () => held.release() }) };
      }
      const held = await pool.hold(id);
      return { ok: true, export: createDiskExport(held.disk, { label: name, release: () => held.release() }) };
    },
  };
  const nbd = await startNbd({}, { connectionsPerAddress: 2 * boards, handshakesPerAddress: boards }, { exports });
  const names = [...disks.keys(), ...Array.from({ length: boards / 2 }, (_, board) => `stream${board}`)];
  return {
    imageCache,
    nbd,
    uris: names.map((name) => nbd.uri(name)),
    close: async () => {
      await nbd.stop();
      await pool.close();
    },
  };
}

/** All clients ask for the same bytes at once, piece after piece. Gives what each of them has read, as different digests. */
const readTogether = (uris: readonly string[], size: number): Promise<string[]> =>
  nbdsh<string[]>(`
import hashlib, json, nbd
handles = []
for uri in ${JSON.stringify(uris)}:
    handle = nbd.NBD()
    handle.connect_uri(uri)
    handles.append(handle)
sums = [hashlib.sha256() for _ in handles]
piece = 96 * 1024
for at in range(0, ${size}, piece):
    length = min(piece, ${size} - at)
    asked = []
    for handle in handles:
        buffer = nbd.Buffer(length)
        asked.append((handle, buffer, handle.aio_pread(buffer, at)))
    for (handle, buffer, cookie), sum in zip(asked, sums):
        while not handle.aio_command_completed(cookie):
            handle.poll(-1)
        sum.update(buffer.to_bytearray())
for handle in handles:
    handle.shutdown()
print(json.dumps(sorted(set(sum.hexdigest() for sum in sums))))
`);

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

it('a hundred boards that read one image, from disks of their own and from the image itself, cost one read of it', async () => {
  await inFolder(async (folder) => {
    const image = randomBytes(4 * mib + 4096);
    const fleet = await openFleet(folder, image, 16 * mib);
    try {
      expect(await readTogether(fleet.uris, image.length)).toEqual([digestOf(image)]);
      expect(fleet.imageCache.readBytes).toBe(image.length);
      expect(fleet.imageCache.bytes).toBe(image.length);
      await expect.poll(() => fleet.nbd.closed.length).toBe(boards);
      const sent = fleet.nbd.closed.reduce((sum, { traffic }) => sum + traffic.readBytes, 0);
      expect(sent).toBe(boards * image.length);
    } finally {
      await fleet.close();
    }
  });
});

it('a cache that is smaller than the image is not exceeded, and saves most reads all the same', async () => {
  await inFolder(async (folder) => {
    const image = randomBytes(4 * mib);
    const fleet = await openFleet(folder, image, mib);
    try {
      expect(await readTogether(fleet.uris, image.length)).toEqual([digestOf(image)]);
      expect(fleet.imageCache.bytes).toBeLessThanOrEqual(mib);
      // They ask at the same time: the second who wants a cluster has it kept for all.
      expect(fleet.imageCache.readBytes).toBeLessThan(5 * image.length);
    } finally {
      await fleet.close();
    }
  });
});
