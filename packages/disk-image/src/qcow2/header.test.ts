import { describe, expect, it } from 'vitest';
import { expectRefusal } from '../../test/support/expect.js';
import { environmentOf, kib, makeDisk, openDisk } from '../../test/support/qcow2/disk-world.js';
import { MemoryFile } from '../../test/support/qcow2/memory-file.js';
import { checkQcow2, createQcow2, openLayer, readQcow2Header, type ImageErrorCode } from '../index.js';
import { encodeSector, parseHeader } from './header.js';

/** A fresh image with numbers written into it, all big-endian. */
async function changed(...changes: [at: number, size: 1 | 2 | 4, value: number][]): Promise<MemoryFile> {
  const { file } = await makeDisk(1024 * kib);
  const view = Buffer.from(file.bytes.buffer);
  for (const [at, size, value] of changes) {
    if (size === 1) view.writeUInt8(value, at);
    else if (size === 2) view.writeUInt16BE(value, at);
    else view.writeUInt32BE(value, at);
  }
  return file;
}

const open = (file: MemoryFile): Promise<unknown> =>
  openLayer({ file, below: undefined, environment: environmentOf() });

/** Where things are in a fresh image of one L2 table. */
const places = { refcountTable: 64 * kib, refcountBlock: 128 * kib, l1: 192 * kib, l2: 256 * kib };

const refusals: [string, ImageErrorCode, ...[at: number, size: 1 | 2 | 4, value: number][]][] = [
  ['another magic', 'image.qcow2.not-qcow2', [0, 4, 1]],
  ['another version', 'image.qcow2.unsupported', [4, 4, 4]],
  ['encryption', 'image.qcow2.unsupported', [32, 4, 2]],
  ['an unknown incompatible feature', 'image.qcow2.unsupported', [76, 4, 32]],
  ['an unknown incompatible feature in the upper half', 'image.qcow2.unsupported', [72, 4, 1]],
  ['an external data file', 'image.qcow2.unsupported', [76, 4, 4]],
  ['zstd', 'image.qcow2.unsupported', [76, 4, 8], [104, 1, 1]],
  ['extended L2 entries', 'image.qcow2.unsupported', [76, 4, 16]],
  ['clusters too small', 'image.qcow2.corrupt', [20, 4, 8]],
  ['clusters too large', 'image.qcow2.corrupt', [20, 4, 22]],
  ['counts too wide', 'image.qcow2.corrupt', [96, 4, 7]],
  ['an odd header length', 'image.qcow2.corrupt', [100, 4, 105]],
  ['a size beyond 2^53', 'image.qcow2.corrupt', [24, 4, 0x7fffffff]],
  ['a size beyond its tables', 'image.qcow2.corrupt', [24, 4, 1]],
  ['an L1 table too large', 'image.qcow2.corrupt', [36, 4, 0x7fffffff]],
  ['no L1 table', 'image.qcow2.corrupt', [36, 4, 0]],
  ['an L1 table behind the end', 'image.qcow2.past-end', [40, 4, 1]],
  ['an L1 table between clusters', 'image.qcow2.corrupt', [44, 4, 192 * kib + 512]],
  ['an L1 table in the header', 'image.qcow2.corrupt', [44, 4, 0]],
  ['an L1 table on the refcount table', 'image.qcow2.overlap', [44, 4, places.refcountTable]],
  ['no refcount table', 'image.qcow2.corrupt', [56, 4, 0]],
  ['a refcount table too large', 'image.qcow2.corrupt', [56, 4, 0xffffffff]],
  ['a backing name outside its cluster', 'image.qcow2.corrupt', [12, 4, 64 * kib - 1], [16, 4, 2]],
  ['a backing name in the header', 'image.qcow2.corrupt', [12, 4, 8], [16, 4, 2]],
  ['a backing name too long', 'image.qcow2.corrupt', [12, 4, 1024], [16, 4, 1024]],
  ['an extension too long', 'image.qcow2.corrupt', [112, 4, 0x12345678], [116, 4, 0xffffffff]],
  ['a reserved bit in the L1 table', 'image.qcow2.corrupt', [places.l1 + 4, 4, places.l2 + 1]],
  ['an L2 table behind the end', 'image.qcow2.past-end', [places.l1 + 4, 4, 1024 * kib]],
  ['an L2 table beyond 2^53', 'image.qcow2.corrupt', [places.l1, 4, 0x00ff0000]],
  ['an L2 table in the header', 'image.qcow2.corrupt', [places.l2, 4, 0x80000000]],
  ['an L2 table on the L1 table', 'image.qcow2.overlap', [places.l1 + 4, 4, places.l1]],
  ['a refcount block behind the end', 'image.qcow2.past-end', [places.refcountTable, 4, 1]],
  [
    'a reserved bit in the refcount table',
    'image.qcow2.corrupt',
    [places.refcountTable + 4, 4, places.refcountBlock + 2],
  ],
  ['a cluster behind the end', 'image.qcow2.past-end', [places.l2, 4, 0x80000000], [places.l2 + 4, 4, 1024 * kib]],
  ['a cluster of a table', 'image.qcow2.overlap', [places.l2, 4, 0x80000000], [places.l2 + 4, 4, places.l1]],
  ['a cluster not aligned', 'image.qcow2.corrupt', [places.l2, 4, 0x80000000], [places.l2 + 4, 4, places.l1 + 512]],
  ['a reserved bit in an L2 table', 'image.qcow2.corrupt', [places.l2, 4, 0x04000000]],
  [
    'compressed bytes behind the end',
    'image.qcow2.past-end',
    [places.l2, 4, 0x40000000],
    [places.l2 + 4, 4, 1024 * kib],
  ],
];

describe('the header and tables of a qcow2 image', () => {
  it.each(refusals)('are refused with %s', async (_what, code, ...changes) => {
    const file = await changed(...changes);
    const refusal = await expectRefusal(() => open(file), code);
    expect(refusal.remedy).not.toBe('');
  });

  it('are refused when two guest clusters share one', async () => {
    const { file } = await makeDisk(1024 * kib);
    await file.truncate(384 * kib);
    const view = Buffer.from(file.bytes.buffer);
    for (const index of [3, 9]) {
      view.writeUInt32BE(0x80000000, places.l2 + index * 8);
      view.writeUInt32BE(320 * kib, places.l2 + index * 8 + 4);
    }
    await expectRefusal(() => open(file), 'image.qcow2.overlap');
    const report = await checkQcow2(file);
    expect(report.problems.map(({ code }) => code)).toContain('image.qcow2.overlap');
  });

  it('are refused for writing when a cluster is used and not counted', async () => {
    const world = await makeDisk(1024 * kib);
    Buffer.from(world.file.bytes.buffer).writeUInt16BE(0, places.refcountBlock + 6);
    await expectRefusal(() => openDisk(world), 'image.qcow2.corrupt');
    expect((await checkQcow2(world.file)).corruptions).toBe(1);
  });

  it('have leaks mended when they are opened for writing', async () => {
    const world = await makeDisk(1024 * kib);
    const view = Buffer.from(world.file.bytes.buffer);
    view.writeUInt16BE(1, places.refcountBlock + 100);
    view.writeUInt16BE(3, places.refcountBlock + 6);
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 2 });
    await (await openDisk(world)).close();
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  it('are refused when the file is cut short anywhere', async () => {
    const { file } = await makeDisk(1024 * kib);
    for (const length of [0, 71, 103, 4096, 64 * kib, 128 * kib, 192 * kib]) {
      const cut = new MemoryFile(file.content().slice(0, length));
      await expect(open(cut), `${length}`).rejects.toMatchObject({ name: 'ImageError' });
    }
  });

  it('with more tables than may be read are refused', async () => {
    const file = new MemoryFile();
    await createQcow2(file, { size: 1024 * 1024 * kib });
    await expect(checkQcow2(file, { tableLimit: 128 * kib })).rejects.toMatchObject({ code: 'image.too-large' });
  });

  it('are the same after they were written and read', async () => {
    const file = new MemoryFile();
    const backing = { name: '/a path/with ❤.img', format: 'raw' };
    const made = await createQcow2(file, { size: 5 * 1024 * kib, clusterSize: 4096, backing });
    expect(await readQcow2Header(file)).toEqual(made);
    const session = { ...made, session: '0123456789abcdef0123456789abcdef', dirty: true };
    const sector = Buffer.concat([encodeSector(session), file.bytes.subarray(512, 4096)]);
    expect(parseHeader(sector)).toEqual(session);
  });

  it('are refused when they cannot be made', async () => {
    const make = (options: Partial<Parameters<typeof createQcow2>[1]>): Promise<unknown> =>
      createQcow2(new MemoryFile(), { size: 1024 * kib, ...options });
    for (const size of [0, -512, 511, NaN, 2 ** 60]) await expectRefusal(() => make({ size }), 'image.qcow2.parameter');
    for (const clusterSize of [512, 5000, 4 * 1024 * kib]) {
      await expectRefusal(() => make({ clusterSize }), 'image.qcow2.parameter');
    }
    for (const name of ['', 'nbd:host:1', 'json:{}', 'x'.repeat(1024), 'a\0b']) {
      await expectRefusal(() => make({ backing: { name, format: 'raw' } }), 'image.qcow2.backing');
    }
  });
});
