import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rawView, uncached } from '@drover/disk-image';
import { createDiskFile, openBlockSource, openDiskFiles } from '../../src/adapters/disks/index.js';
import { kib, mib } from '../disks/disk-house.js';
import { diskFolder, startDisks } from './disk-lab.js';
import { eventually } from './eventually.js';
import { runWell } from './nbd-lab.js';
import { qemuCheck, qemuCompare, sound, spaceOf } from './qemu-check.js';

const gib = 1024 * mib;

/** What du says, in bytes. */
const du = async (path: string): Promise<number> => kib * Number((await runWell('du', '-k', path)).split('\t')[0]);

const io = (uri: string, ...commands: string[]): Promise<string> =>
  runWell('qemu-io', '-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri);

describe('creating an overlay', () => {
  it('over an image of 2 GiB takes no space to speak of', async () => {
    const lab = await startDisks(await diskFolder(mib));
    const raw = join(lab.folder, 'large.img');
    const image = await open(raw, 'wx');
    await image.truncate(2 * gib);
    await image.write(Buffer.from('end'), 0, 3, 2 * gib - 3);
    await image.close();
    const times: number[] = [];
    const paths = Array.from({ length: 20 }, (_, each) => join(lab.folder, `large-${each}.qcow2`));
    for (const path of paths) {
      const startedAt = performance.now();
      await createDiskFile(path, { size: 2 * gib, backing: { name: 'large.img', format: 'raw' } }, lab.deps);
      times.push(performance.now() - startedAt);
      expect(await spaceOf(path)).toBeLessThanOrEqual(64 * kib);
    }
    const [path] = paths as [string];
    expect(await qemuCheck(path)).toEqual(sound);
    expect(await qemuCompare(path, raw)).toBe('Images are identical.');
    const source = await openBlockSource(raw);
    const place = {
      overlay: path,
      log: `${path}.log`,
      layers: [],
      base: { path: raw, view: rawView(uncached(source)) },
    };
    const startedAt = performance.now();
    const opened = await openDiskFiles(place, lab.deps);
    const openedIn = performance.now() - startedAt;
    expect(Buffer.from(await opened.disk.read(2 * gib - 3, 3)).toString()).toBe('end');
    await opened.close();
    await source.close();
    times.sort((a, b) => a - b);
    console.log(
      `overlay of 2 GiB: ${await spaceOf(path)} bytes on disk, durable in ${times[10]!.toFixed(1)} ms (median of 20, ` +
        `${times[0]!.toFixed(1)} to ${times[19]!.toFixed(1)}), opened with its lock in ${openedIn.toFixed(1)} ms`,
    );
  });
});

describe('TRIM', () => {
  it('gives space back while the disk is in use, and all of it when it is closed', async () => {
    const lab = await startDisks(await diskFolder(mib), { lingerMs: 600_000 });
    const { overlay } = await lab.create('disk', 512 * mib);
    const empty = await du(overlay);
    await io(lab.uri('disk'), 'write -P 7 16M 64M', 'write -P 8 80M 64M', 'write -P 9 300M 32M', 'flush');
    const full = await du(overlay);
    expect(full - empty).toBeGreaterThanOrEqual(160 * mib);
    await io(lab.uri('disk'), 'discard 16M 128M', 'flush');
    // The holes are made behind the flush.
    await eventually(async () => expect(await du(overlay)).toBeLessThan(empty + 33 * mib));
    await io(lab.uri('disk'), 'read -P 0 16M 128M', 'read -P 9 300M 32M', 'discard 300M 16M', 'flush');
    await lab.stop();
    expect(await du(overlay)).toBeLessThan(empty + 17 * mib);
    expect(await spaceOf(overlay)).toBe(await du(overlay));
    expect(await qemuCheck(overlay)).toEqual(sound);
    const said = await runWell(
      'qemu-io',
      '-r',
      '-f',
      'qcow2',
      '-c',
      'read -P 0 16M 128M',
      '-c',
      'read -P 9 316M 16M',
      overlay,
    );
    expect(said).not.toMatch(/failed|verification/i);
  });

  it('lets space be used again without the file growing', async () => {
    const lab = await startDisks(await diskFolder(mib), { lingerMs: 600_000 });
    const { overlay } = await lab.create('disk', 256 * mib);
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      const at = `${32 + (round % 2) * 64}M`;
      await io(lab.uri('disk'), `write -P ${round + 1} ${at} 32M`, 'flush', `read -P ${round + 1} ${at} 32M`);
      await io(lab.uri('disk'), `discard ${at} 32M`, 'flush', `read -P 0 ${at} 32M`);
      sizes.push((await du(overlay)) / mib);
    }
    expect(Math.max(...sizes)).toBeLessThan(80);
    await lab.stop();
    expect(await du(overlay)).toBeLessThan(mib);
    expect(await qemuCheck(overlay)).toEqual(sound);
  });

  it('of zeros written by the client takes no space either', async () => {
    const lab = await startDisks(await diskFolder(mib));
    const { overlay } = await lab.create('disk', 64 * mib);
    const empty = await spaceOf(overlay);
    await io(lab.uri('disk'), 'write -z -u 0 64M', 'flush', 'read -P 0 0 64M');
    expect((await spaceOf(overlay)) - empty).toBeLessThanOrEqual(64 * kib);
    await io(lab.uri('disk'), 'write -z 0 8M', 'flush');
    expect((await spaceOf(overlay)) - empty).toBeGreaterThanOrEqual(8 * mib);
  });
});
