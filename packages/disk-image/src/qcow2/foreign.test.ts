import { describe, expect, it } from 'vitest';
import { expectRefusal } from '../../test/support/expect.js';
import { qcow2Base, qcow2Content, qcow2Image, qcow2Names } from '../../test/support/qcow2/corpus.js';
import { contentOf, environmentOf, isSame, kib } from '../../test/support/qcow2/disk-world.js';
import { MemoryFile } from '../../test/support/qcow2/memory-file.js';
import { checkQcow2, openLayer, openQcow2, readQcow2Header } from '../index.js';

const environment = environmentOf();

describe('an image that qemu made', () => {
  it.each(qcow2Names)('is read: %s', async (name) => {
    const layer = await openLayer({ file: new MemoryFile(qcow2Image(name)), below: qcow2Base(name), environment });
    const expected = qcow2Content(name);
    expect(isSame(await contentOf(layer.view), expected)).toBe(true);
    for (const [at, length] of [
      [5000, 10_000],
      [700 * kib - 3, 6],
      [1600 * kib - 1, 2],
    ] as const) {
      expect(isSame(await layer.view.read(at, length), expected.subarray(at, at + length))).toBe(true);
    }
    const status = await layer.view.status(0, 2048 * kib, 10_000);
    for (const { offset, length, zero } of status) {
      if (zero) expect(expected.subarray(offset, offset + length).every((byte) => byte === 0)).toBe(true);
    }
    expect(status.reduce((sum, { length }) => sum + length, 0)).toBe(2048 * kib);
  });

  it.each(qcow2Names)('has nothing wrong: %s', async (name) => {
    const report = await checkQcow2(new MemoryFile(qcow2Image(name)));
    expect(report).toMatchObject({ corruptions: 0, size: 2048 * kib, dirty: name === 'dirty', inUse: false });
    expect(report.compressed).toBe(name === 'packed' ? 3 : 0);
  });

  it.each(['64k', '1bit', '64bit', 'dirty'] as const)('is written to: %s', async (name) => {
    const file = new MemoryFile(qcow2Image(name));
    const base = qcow2Base(name);
    const expected = qcow2Content(name);
    const disk = await openQcow2({ file, log: new MemoryFile(), base, environment });
    for (const [at, length] of [
      [0, 100],
      [300 * kib, 400 * kib],
      [2000 * kib, 48 * kib],
    ] as const) {
      await disk.write(at, new Uint8Array(length).fill(0xbb));
      expected.fill(0xbb, at, at + length);
    }
    await disk.trim(704 * kib, 64 * kib);
    expected.fill(0, 704 * kib, 768 * kib);
    await disk.resize(64 * 1024 * kib);
    await disk.close();
    expect(await checkQcow2(file)).toMatchObject({ corruptions: 0, leaks: 0, dirty: false });
    expect((await readQcow2Header(file)).backing).toEqual(base && { name: 'base.img', format: 'raw' });
    const again = await openQcow2({ file, base, environment });
    expect(isSame(await again.read(0, 2048 * kib), expected)).toBe(true);
  });

  it.each([
    ['v2', 'version 2'],
    ['512', '512 bytes'],
    ['packed', 'compressed clusters'],
    ['snapshot', 'internal snapshots'],
  ] as const)('is not written to when that would need more than we do: %s', async (name, why) => {
    const file = new MemoryFile(qcow2Image(name));
    const before = file.content();
    const refusal = await expectRefusal(
      () => openQcow2({ file, base: qcow2Base(name), environment }),
      'image.qcow2.read-only',
    );
    expect(refusal.message).toContain(why);
    expect(isSame(file.content(), before)).toBe(true);
  });
});
