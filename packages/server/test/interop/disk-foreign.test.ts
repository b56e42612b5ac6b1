import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDiskFiles, type DiskPlace } from '../../src/adapters/disks/index.js';
import { mib, modelOf } from '../disks/disk-house.js';
import { runWorkload } from '../disks/workload.js';
import { sha256Of } from '../contract/support/folders.js';
import { diskFolder, startDisks, type DiskLab } from './disk-lab.js';
import { run, runWell } from './nbd-lab.js';
import { qemuCheck, qemuCompare, sound } from './qemu-check.js';

const size = 16 * mib;

const openLab = async (): Promise<DiskLab> => startDisks(await diskFolder(size), { lingerMs: 600_000 });

/** An overlay over the base that qemu-img has made, and qemu-io has written a little to. */
async function qemuOverlay(lab: DiskLab, options: string, ...commands: string[]): Promise<DiskPlace> {
  const place = lab.placeOf('disk');
  const backing = ['-b', 'base.img', '-F', 'raw'];
  await runWell('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', options, ...backing, place.overlay);
  if (commands.length > 0) await runWell('qemu-io', ...commands.flatMap((each) => ['-c', each]), place.overlay);
  lab.places.set('disk', place);
  return place;
}

describe('an overlay that qemu-img has made', () => {
  it.each([
    [65536, 'compat=1.1'],
    [4096, 'compat=1.1,cluster_size=4k'],
    [2 * mib, 'compat=1.1,cluster_size=2M'],
    [65536, 'compat=1.1,lazy_refcounts=on'],
    [65536, 'compat=1.1,refcount_bits=1'],
    [65536, 'compat=1.1,refcount_bits=64'],
  ])('is served, changed and given back: clusters of %s bytes, %s', async (cluster, options) => {
    const lab = await openLab();
    const place = await qemuOverlay(lab, options, 'write -P 1 0 100k', 'write -z -u 4M 2M', 'discard 8M 64k');
    const model = modelOf(size);
    const raw = join(lab.folder, 'expected.raw');
    await runWell('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', place.overlay, raw);
    expect(await runWell('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', lab.uri('disk'), raw)).toMatch(/identical/);
    model.judge(await readFile(raw), 'kill');
    const { ended, errors } = await runWorkload(model, { uri: lab.uri('disk'), seed: 3, changes: 100, cluster });
    expect(ended, errors).toBe(true);
    await writeFile(raw, model.bytes());
    expect(await qemuCompare(place.overlay, raw)).toBe('Images are identical.');
    await lab.stop();
    expect(await qemuCheck(place.overlay)).toEqual(sound);
    expect(await qemuCompare(place.overlay, raw)).toBe('Images are identical.');
    // QEMU goes on with it, and then we do.
    await runWell('qemu-io', '-c', 'write -P 77 10M 300k', '-c', 'discard 1M 1M', place.overlay);
    expect(await qemuCheck(place.overlay)).toMatchObject({ corruptions: 0, errors: 0 });
    const again = await startDisks(lab.folder);
    const said = await runWell(
      'qemu-io',
      '-f',
      'raw',
      '-c',
      'read -P 77 10M 300k',
      '-c',
      'write -P 78 12M 4k',
      again.uri('disk'),
    );
    expect(said).not.toMatch(/failed|verification/i);
    await again.stop();
    expect(await qemuCheck(place.overlay)).toEqual(sound);
  });

  it('may have been written by QEMU after our server was killed: the redo log is not believed any more', async () => {
    const lab = await openLab();
    const place = await lab.create('disk');
    await runWell(
      'qemu-io',
      '-f',
      'raw',
      '-c',
      'write -P 1 0 64k',
      '-c',
      'flush',
      '-c',
      'write -P 2 1M 64k',
      lab.uri('disk'),
    );
    const left = { ...place, overlay: lab.path('left.qcow2'), log: lab.path('left.log') };
    await writeFile(left.overlay, await readFile(place.overlay));
    await writeFile(left.log, await readFile(place.log));
    await runWell('qemu-io', '-c', 'write -P 3 2M 64k', left.overlay);
    const opened = await openDiskFiles(left, lab.deps);
    expect(opened.disk.recovery).not.toBe('replayed');
    const bytes = await Promise.all([0, 2 * mib].map(async (at) => (await opened.disk.read(at, 1))[0]));
    expect(bytes).toEqual([1, 3]);
    await opened.close();
    expect(await qemuCheck(left.overlay)).toEqual(sound);
  });
});

/** Writes bytes into a file. */
async function patch(path: string, at: number, bytes: readonly number[]): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(Uint8Array.from(bytes), 0, bytes.length, at);
  await file.close();
}

const number64 = async (path: string, at: number): Promise<number> =>
  Number((await readFile(path)).readBigUInt64BE(at));
const l1Of = (path: string): Promise<number> => number64(path, 40);

const qemuIo = (path: string, ...commands: string[]): Promise<string> =>
  runWell('qemu-io', ...commands.flatMap((each) => ['-c', each]), path);

interface Refused {
  what: string;
  options?: string;
  /** Changes what qemu-img made. */
  change?: (path: string) => Promise<unknown>;
  code: string;
  says: RegExp;
}

const refused: Refused[] = [
  { what: 'a raw image', change: (path) => writeFile(path, Buffer.alloc(mib, 7)), code: 'not-qcow2', says: /QFI/ },
  { what: 'an empty file', change: (path) => writeFile(path, ''), code: 'not-qcow2', says: /QFI/ },
  { what: 'version 2', options: 'compat=0.10', code: 'read-only', says: /version 2/ },
  { what: 'clusters of 512 bytes', options: 'cluster_size=512', code: 'read-only', says: /512 bytes/ },
  { what: 'extended L2 entries', options: 'extended_l2=on', code: 'unsupported', says: /extended L2/ },
  { what: 'zstd', options: 'compression_type=zstd', code: 'unsupported', says: /compressed in a way/ },
  {
    what: 'internal snapshots',
    change: (path) => runWell('qemu-img', 'snapshot', '-c', 'a', path),
    code: 'read-only',
    says: /snapshots/,
  },
  {
    what: 'compressed clusters',
    change: (path) => qemuIo(path, 'write -c -P 1 0 64k'),
    code: 'read-only',
    says: /compressed/,
  },
  {
    what: 'a bitmap',
    change: (path) => runWell('qemu-img', 'bitmap', '--add', path, 'b'),
    code: 'read-only',
    says: /extension/,
  },
  { what: 'the corrupt flag', change: (path) => patch(path, 79, [2]), code: 'read-only', says: /marked as corrupt/ },
  { what: 'a missing end', change: (path) => truncate(path, 100_000), code: 'past-end', says: /file has/ },
  {
    what: 'an L1 table beyond the file',
    change: (path) => patch(path, 40, [0, 0, 0, 9, 0, 0, 0, 0]),
    code: 'past-end',
    says: /L1 table/,
  },
  {
    what: 'two tables in one cluster',
    change: async (path) => patch(path, await l1Of(path), [0x80, 0, 0, 0, 0, 1, 0, 0]),
    code: 'overlap',
    says: /something else uses/,
  },
  {
    what: 'a reserved bit in the L1 table',
    change: async (path) => patch(path, (await l1Of(path)) + 7, [1]),
    code: 'corrupt',
    says: /reserved/,
  },
  {
    what: 'reference counts of nothing',
    change: async (path) => patch(path, await number64(path, await number64(path, 48)), new Array<number>(64).fill(0)),
    code: 'corrupt',
    says: /not counted/,
  },
];

describe('an overlay that cannot be served', () => {
  it.each(refused)('is refused with a reason, and left untouched: $what', async ({ options, change, code, says }) => {
    const lab = await openLab();
    const place = await qemuOverlay(lab, options ?? 'compat=1.1', 'write -P 1 1M 100k');
    await change?.(place.overlay);
    const before = sha256Of(await readFile(place.overlay));
    const error = await openDiskFiles(place, lab.deps).then(
      () => undefined,
      (each: unknown) => each as Error & { remedy?: string },
    );
    expect(error).toMatchObject({ code: `image.qcow2.${code}`, message: expect.stringMatching(says) as string });
    expect(error?.remedy).toMatch(/\w/);
    expect((await run('qemu-io', '-f', 'raw', '-c', 'read 0 512', lab.uri('disk'))).code).not.toBe(0);
    expect(sha256Of(await readFile(place.overlay))).toBe(before);
  });

  const secret = ['--object', 'secret,id=s,data=x'];
  it.each([
    {
      what: 'encrypted with LUKS',
      make: luks,
      options: ['-o', 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10', ...secret],
    },
    {
      what: 'encrypted with AES',
      make: created,
      options: ['-o', 'encrypt.format=aes,encrypt.key-secret=s', ...secret],
    },
    { what: 'split into two files', make: created, options: ['-o', 'data_file=data.raw'] },
  ])('is refused when it is $what', async ({ make, options }) => {
    const lab = await openLab();
    const place = { ...lab.placeOf('disk'), base: undefined };
    const [overlay, data] = [place.overlay, lab.path('data.raw')];
    await make([...options.map((each) => each.replace('data.raw', data)), overlay, '16M']);
    const before = sha256Of(await readFile(overlay));
    await expect(openDiskFiles(place, lab.deps)).rejects.toMatchObject({ code: 'image.qcow2.unsupported' });
    expect(sha256Of(await readFile(overlay))).toBe(before);
  });
});

async function created(args: readonly string[]): Promise<void> {
  await runWell('qemu-img', 'create', '-q', '-f', 'qcow2', ...args);
}

/**
 * QEMU measures how fast the processor is before it makes a key, and gives up where its thread's clock did not move in
 * that time: about one try in six on a fast machine. Only that is tried again.
 */
async function luks(args: readonly string[]): Promise<void> {
  const made = await run('qemu-img', 'create', '-q', '-f', 'qcow2', ...args);
  if (made.stderr.includes('Unable to get accurate CPU usage')) return luks(args);
  expect(made.code, made.stderr).toBe(0);
}

/** The judge itself: these must be as damaged for QEMU as they are for us. */
describe('qemu-img check', () => {
  it('finds damage in what is refused as damaged', async () => {
    for (const { what, change, code } of refused.filter(({ code: each }) => ['overlap', 'corrupt'].includes(each))) {
      const lab = await openLab();
      const { overlay } = await qemuOverlay(lab, 'compat=1.1', 'write -P 1 1M 100k');
      await change?.(overlay);
      const report = await qemuCheck(overlay).catch(() => ({ corruptions: 1, errors: 1 }));
      expect(report.corruptions + report.errors, `${what} (${code})`).toBeGreaterThan(0);
    }
  });
});
