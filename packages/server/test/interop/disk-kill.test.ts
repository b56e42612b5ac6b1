import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loseLog, mib, modelOf, openDiskHouse } from '../disks/disk-house.js';
import type { DiskModel } from '../disks/model.js';
import { runWorkload } from '../disks/workload.js';
import { randomFrom } from '../contract/support/child.js';
import { diskFolder } from './disk-lab.js';
import { startServer, type Server } from './disk-server.js';
import { announceMoments, loopTimeout, seed } from './moments.js';
import { runWell } from './nbd-lab.js';
import { qemuCheck, qemuCompare, qemuMap, sound, type MapEntry } from './qemu-check.js';

const size = 48 * mib;
const moments = announceMoments('kill -9 of a disk server', 8);

/** Reads all of the disk with nbdcopy. */
async function contentOf(uri: string, folder: string): Promise<Buffer> {
  const path = join(folder, 'content.raw');
  await rm(path, { force: true });
  await runWell('nbdcopy', uri, path);
  return readFile(path);
}

/** What the file itself says of the disk: its first sector, and where its clusters are. */
async function tablesOf(overlay: string): Promise<{ header: Buffer; map: MapEntry[] }> {
  return { header: (await readFile(overlay)).subarray(0, 512), map: await qemuMap(overlay) };
}

/** Kills the server in the middle of the changes that four connections make, once so many are answered. */
async function killWhileChanging(
  model: DiskModel,
  server: Server,
  each: { seed: number; durable: number; after: number },
) {
  const result = await runWorkload(model, {
    uri: server.uri,
    seed: each.seed,
    durable: each.durable,
    changes: 1_000_000,
    onAnswered: (count) => {
      if (count === each.after) server.process.kill('SIGKILL');
    },
  });
  await server.exited;
  return result;
}

it(
  'a disk whose server is killed loses nothing that was answered, and nothing flushed when its redo log is not to be believed',
  { timeout: loopTimeout(moments) },
  async () => {
    const folder = await diskFolder(size);
    const house = await openDiskHouse({ folder });
    const place = await house.create('disk');
    await house.close();
    const model = modelOf(size);
    const random = randomFrom(seed);
    const found: Record<string, number> = {};
    const totals = { answered: 0, leaks: 0 };
    let [boot, before]: [number, 'kill' | 'new-boot' | 'nothing'] = [0, 'nothing'];
    /** Whether the header says that tables are being changed: their redo log is looked for, and nowhere else. */
    let wasTouched = false;
    for (let moment = 0; moment < moments; moment++) {
      const hint = `moment ${moment}, DROVER_TEST_SEED=${seed}`;
      const server = await startServer({ folder, bootId: `boot-${boot}` });
      const content = await contentOf(server.uri, folder);
      expect(model.judge(content, before === 'new-boot' ? 'new-boot' : 'kill').slice(0, 5), hint).toEqual([]);
      const recovery = wasTouched ? { kill: 'replayed', 'new-boot': 'rolled-back', nothing: 'clean' }[before] : 'clean';
      // It is told beside the bytes, and may come after them.
      await expect.poll(() => server.recovery(), { message: hint }).toBe(recovery);
      found[recovery] = (found[recovery] ?? 0) + 1;
      const opened = await tablesOf(place.overlay);

      const after = 5 + Math.floor(random() ** 2 * 400);
      const durable = [0, 0.02, 0.16][Math.floor(random() * 3)]!;
      const { ended, answered } = await killWhileChanging(model, server, { seed: seed + moment, durable, after });
      expect([ended, answered >= after], hint).toEqual([false, true]);
      const report = await qemuCheck(place.overlay);
      expect({ ...report, code: report.code === 3 ? 0 : report.code, leaks: 0 }, hint).toEqual(sound);
      const left = await tablesOf(place.overlay);
      wasTouched = !left.header.equals(opened.header);
      // A server that died before any table changed has written into clusters that were there, and only those.
      if (!wasTouched) expect(left.map, hint).toEqual(opened.map);
      totals.answered += answered;
      totals.leaks = Math.max(totals.leaks, report.leaks);

      // Another boot, or a log that is gone, is what a power cut looks like from here, but for what the drive had not written.
      const dice = random();
      before = dice < 0.6 ? 'kill' : 'new-boot';
      if (dice >= 0.8) await loseLog(place);
      else if (dice >= 0.6) boot += 1;
    }
    const server = await startServer({ folder, bootId: `boot-${boot}` });
    expect(
      model.judge(await contentOf(server.uri, folder), before === 'kill' ? 'kill' : 'new-boot').slice(0, 5),
    ).toEqual([]);
    server.process.kill('SIGTERM');
    await server.exited;
    expect(await qemuCheck(place.overlay)).toEqual(sound);
    await writeFile(join(folder, 'expected.raw'), model.bytes());
    expect(await qemuCompare(place.overlay, join(folder, 'expected.raw'))).toBe('Images are identical.');
    // Fewer moments may happen to be all of one kind.
    if (moments >= 8) expect(Object.keys(found).sort()).toEqual(['clean', 'replayed', 'rolled-back']);
    expect(totals.answered).toBeGreaterThan(moments * 5);
    console.log(
      `loop kill -9 of a disk server: ${moments} moments, 0 failures ${JSON.stringify({ ...found, ...totals })}`,
    );
  },
);
