import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { kib, mib, modelOf } from '../disks/disk-house.js';
import { runWorkload } from '../disks/workload.js';
import { diskFolder, startDisks } from './disk-lab.js';
import { eventually } from './eventually.js';
import { announceMoments, loopTimeout, seed } from './moments.js';
import { nbdsh, run, runWell } from './nbd-lab.js';
import { qemuCheck, qemuCompare, qemuMap, sound, type CheckReport } from './qemu-check.js';

const size = 64 * mib;
const identical = 'Images are identical.';
const rounds = announceMoments('live overlay', 8);

/** Clusters that were freed stay counted until their space is given back: leaks to qemu-img, which are harmless. */
function expectSoundButForLeaks(report: CheckReport, hint = ''): void {
  expect({ ...report, code: report.code === 3 ? 0 : report.code, leaks: 0 }, hint).toEqual(sound);
}

describe('an overlay that is in use', () => {
  it(
    'is sound and up to date for qemu-img after each flush, and clean after the last client',
    { timeout: loopTimeout(rounds) },
    async () => {
      const lab = await startDisks(await diskFolder(size), { lingerMs: 600_000 });
      const { overlay } = await lab.create('disk');
      const model = modelOf(size);
      const raw = join(lab.folder, 'expected.raw');
      let leaks = 0;
      for (let round = 0; round < rounds; round++) {
        const hint = `round ${round}, seed ${seed}`;
        const uri = lab.uri('disk');
        const { ended, errors } = await runWorkload(model, { uri, seed: seed + round, changes: 150 });
        expect(ended, errors).toBe(true);
        const report = await qemuCheck(overlay);
        leaks = Math.max(leaks, report.leaks);
        expectSoundButForLeaks(report, hint);
        await writeFile(raw, model.bytes());
        expect(await qemuCompare(overlay, raw), hint).toBe(identical);
        expect(await run('cmp', raw, await copied(lab.uri('disk'), join(lab.folder, 'copy.raw')))).toMatchObject({
          code: 0,
        });
      }
      expect(model.flushes).toBeGreaterThanOrEqual(rounds);
      await lab.stop();
      expect(await qemuCheck(overlay)).toEqual(sound);
      expect(await qemuCompare(overlay, raw)).toBe(identical);
      console.log(`loop live overlay: ${rounds} moments, 0 failures; at most ${leaks} leaked clusters while in use`);
    },
  );

  it('is judged by tests that can fail: qemu-img sees a byte that is not what it should be', async () => {
    const lab = await startDisks(await diskFolder(mib), { lingerMs: 600_000 });
    const { overlay } = await lab.create('disk');
    const model = modelOf(mib);
    await nbdsh(`h.connect_uri("${lab.uri('disk')}"); h.pwrite(b"x", 77777); h.flush(); h.shutdown(); print(1)`);
    const raw = join(lab.folder, 'expected.raw');
    await writeFile(raw, model.bytes());
    expect(await qemuCompare(overlay, raw)).toMatch(/mismatch at offset 77/);
  });

  it('shows qemu-img where its data is, when it is flushed', async () => {
    const lab = await startDisks(await diskFolder(mib), { lingerMs: 600_000 });
    const { overlay } = await lab.create('disk', 2 * mib);
    await io(
      lab.uri('disk'),
      'write -P 9 64k 100k',
      'write -z -u 512k 64k',
      'write -P 9 1600k 4k',
      'discard 0 64k',
      'flush',
    );
    const map = await qemuMap(overlay);
    // qemu-img looks for holes in clusters as well.
    const own = new Map(map.filter(({ depth }) => depth === 0).map((each) => [each.start / kib, each]));
    expect(own.get(64)).toMatchObject({ length: 128 * kib, data: true, zero: false });
    expect(own.get(1600)).toMatchObject({ data: true, zero: false });
    for (const at of [0, 512]) expect(own.get(at)).toMatchObject({ length: 64 * kib, data: false, zero: true });
    expect(map.find(({ start }) => start === 192 * kib)).toMatchObject({ depth: 1, data: true, length: 320 * kib });
    const dirty = await nbdsh<[number, number][]>(
      `h.add_meta_context("base:allocation"); h.connect_uri("${lab.uri('disk')}")
found = []
h.block_status(h.get_size(), 0, lambda metacontext, offset, entries, err: found.extend(entries))
print([list(pair) for pair in zip(found[0::2], found[1::2])])`,
    );
    let at = 0;
    const said = dirty.map(([length, flags]) => [((at += length) - length) / kib, flags]);
    // Of the base, data and holes; of the overlay, what it has; behind the base, nothing.
    expect(said).toEqual([
      [0, 3],
      [64, 0],
      [512, 3],
      [576, 0],
      [960, 3],
      [1600, 0],
      [1664, 3],
    ]);
  });
});

/** Copies all of an export with nbdcopy. */
async function copied(uri: string, target: string): Promise<string> {
  await runWell('nbdcopy', uri, target);
  return target;
}

const io = (uri: string, ...commands: string[]): Promise<string> =>
  runWell('qemu-io', '-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri);

describe('programs that check what they read', () => {
  it.each([
    ['4 KiB, 32 at a time', '--rw=randwrite', '--bs=4k', '--iodepth=32', '--size=16m'],
    ['all sizes with flushes', '--rw=randwrite', '--bsrange=512-256k', '--iodepth=16', '--size=32m', '--fsync=8'],
    ['trims in between', '--rw=randtrimwrite', '--bs=64k', '--iodepth=8', '--size=8m'],
    [
      'four connections',
      '--rw=randwrite',
      '--bs=4k',
      '--iodepth=8',
      '--size=4m',
      '--numjobs=4',
      '--offset_increment=8m',
    ],
  ])('pass on a real overlay: fio, %s', async (_what, ...options) => {
    const lab = await startDisks(await diskFolder(size));
    const { overlay } = await lab.create('disk');
    const common = ['--name=disk', '--ioengine=nbd', `--uri=${lab.uri('disk')}`, '--output-format=json', '--thread'];
    const verify = [
      '--verify=crc32c',
      '--verify_fatal=1',
      '--do_verify=1',
      '--randrepeat=0',
      `--aux-path=${lab.folder}`,
    ];
    const said = await runWell('fio', ...common, ...verify, '--group_reporting', ...options);
    const report = JSON.parse(said.slice(said.indexOf('{'))) as {
      jobs: { error: number; write: { io_bytes: number } }[];
    };
    expect(report.jobs[0]).toMatchObject({ error: 0 });
    expect(report.jobs[0]!.write.io_bytes).toBeGreaterThan(mib);
    // The last client is gone, and with it the disk.
    await eventually(async () => expect(await qemuCheck(overlay)).toEqual(sound));
  });

  it('pass on a real overlay: qemu-io', async () => {
    const lab = await startDisks(await diskFolder(size));
    const { overlay } = await lab.create('disk');
    const said = await io(
      lab.uri('disk'),
      'write -P 1 0 512',
      'write -P 2 1000 3000',
      'write -f -P 3 1M 2M',
      'write -z 1M 64k',
      'write -z -u 1100k 64k',
      'discard 2M 512k',
      'read -P 0 2M 512k',
      'flush',
      'read -P 1 0 512',
      'read -P 2 1000 3000',
      'read -P 0 1M 64k',
      'read -P 3 2900k 100k',
      'aio_write -P 5 9M 64k',
      'aio_write -P 6 9500k 64k',
      'aio_flush',
      'read -P 5 9M 64k',
      'read -P 6 9500k 64k',
    );
    expect(said).not.toMatch(/failed|verification/i);
    await lab.stop();
    expect(await qemuCheck(overlay)).toEqual(sound);
    const direct = await runWell(
      'qemu-io',
      '-r',
      '-f',
      'qcow2',
      '-c',
      'read -P 5 9M 64k',
      '-c',
      'read -P 2 1000 3000',
      overlay,
    );
    expect(direct).not.toMatch(/failed|verification/i);
  });

  it('read an image that many share, and cannot write to it', async () => {
    const lab = await startDisks(await diskFolder(8 * mib));
    const uri = lab.uri('image');
    const raw = lab.path('base.img');
    expect(await runWell('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', uri, raw)).toMatch(identical);
    const copies = await Promise.all([1, 2, 3].map((each) => copied(uri, join(lab.folder, `copy-${each}`))));
    for (const copy of copies) await runWell('cmp', copy, raw);
    expect((await run('qemu-io', '-f', 'raw', '-c', 'write 0 512', uri)).code).not.toBe(0);
    const info = JSON.parse(await runWell('nbdinfo', '--json', uri)) as { exports: Record<string, unknown>[] };
    expect(info.exports[0]).toMatchObject({ is_read_only: true, can_multi_conn: true, 'export-size': 8 * mib });
  });
});
