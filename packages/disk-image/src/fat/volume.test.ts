import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { CountingSource } from '../../test/support/counting-source.js';
import { expectRefusal, patched, placeOf } from '../../test/support/expect.js';
import { memorySource } from '../source.js';
import { parseBootSector } from './boot-sector.js';
import { openFat } from './volume.js';

const kinds = ['fat12', 'fat16', 'fat32'] as const;
const numbers = Array.from({ length: 3000 }, (_, i) => `${i + 1}\n`).join('');
const cmdline = 'console=tty1 root=PARTUUID=1234abcd-02\n';
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const open = (image: Uint8Array) => openFat(memorySource(image));

describe.each(kinds)('a %s volume made by mkfs.vfat and mtools', (kind) => {
  const image = corpusImage(kind);

  it('lists its whole tree with long names, case and times', async () => {
    const volume = await open(image);
    expect(volume).toMatchObject({ kind, label: 'BOOTFS', serial: '1234abcd', clusterSize: 512 });
    const entries = await volume.entries();
    expect(entries.map(({ path, kind, size }) => [path, kind, size]).sort()).toEqual(
      [
        ['A Folder with a long näme', 'directory', 0],
        ['A Folder with a long näme/vc4 kms ❤ v3d.dtbo', 'file', numbers.length],
        ['FIXUP4.DAT', 'file', numbers.length],
        ['cmdline.txt', 'file', cmdline.length],
        ['config.txt', 'file', 12],
        ['overlays', 'directory', 0],
        ...[1, 2, 4, 5, 6].map((i) => [`overlays/an-overlay-number-${i}.dtbo`, 'file', cmdline.length]),
        ['overlays/README', 'file', numbers.length],
      ].sort(),
    );
    expect((await volume.stat('config.txt'))?.mtime?.toISOString()).toBe('2023-11-14T22:13:20.000Z');
  });

  it('finds files whatever the case of their path', async () => {
    const volume = await open(image);
    expect(text(await volume.readFile('/CONFIG.TXT'))).toBe('arm_64bit=1\n');
    expect(text(await volume.readFile('Overlays/AN-overlay-number-6.DTBO'))).toBe(cmdline);
    expect((await volume.stat('a folder WITH a long NÄME/VC4 KMS ❤ V3D.dtbo'))?.size).toBe(numbers.length);
    expect(await volume.stat('overlays/an-overlay-number-3.dtbo')).toBeUndefined();
    expect(await volume.stat('')).toBeUndefined();
  });

  it('reads a file in several pieces and says where they are', async () => {
    const volume = await open(image);
    expect(text(await volume.readFile('overlays/README'))).toBe(numbers);
    const extents = await volume.extents('overlays/readme');
    if (kind !== 'fat32') expect(extents.length).toBeGreaterThan(1);
    const pieces = extents.map(({ offset, length }) => image.subarray(offset, offset + length));
    expect(text(Buffer.concat(pieces))).toBe(numbers);
  });

  it('takes a handful of reads', async () => {
    const source = new CountingSource(image);
    await openFat(source);
    expect(source.reads).toBeLessThan(10);
  });

  it('refuses what is absent, a folder, or too large', async () => {
    const volume = await open(image);
    await expectRefusal(() => volume.readFile('nothing'), 'image.not-found');
    await expectRefusal(() => volume.readFile('overlays'), 'image.not-a-file');
    await expectRefusal(() => volume.extents('overlays/nothing'), 'image.not-found');
    await expectRefusal(() => volume.readFile('FIXUP4.DAT', 100), 'image.too-large');
  });

  it('refuses a volume that is cut short', async () => {
    await expectRefusal(() => open(image.subarray(0, image.length - 65536)), 'image.fat.past-end');
    await expectRefusal(() => open(image.subarray(0, 100)), 'image.truncated');
  });
});

describe('a damaged FAT volume', () => {
  const image = corpusImage('fat16');
  const entryAt = (shortName: string): number => placeOf(image, shortName);
  const clusterOf = (shortName: string): number => new DataView(image.buffer).getUint16(entryAt(shortName) + 26, true);
  const { dataAt: data, tableAt } = parseBootSector(image, image.length);
  const fat16Entry = (cluster: number): number => tableAt + cluster * 2;

  it('with a chain that returns to itself is refused', async () => {
    const cluster = clusterOf('FIXUP4  DAT');
    const loop = patched(image, [fat16Entry(cluster + 1), 2, cluster]);
    await expectRefusal(() => open(loop), 'image.fat.loop');
  });

  it('with two files in one cluster is refused', async () => {
    const crossed = patched(image, [entryAt('CMDLINE TXT') + 26, 2, clusterOf('CONFIG  TXT')]);
    const refusal = await expectRefusal(() => open(crossed), 'image.fat.cross-linked');
    expect(refusal.message).toContain('cmdline.txt');
  });

  it('with a chain too short, one that leads nowhere, or a bad start is refused', async () => {
    const cluster = clusterOf('FIXUP4  DAT');
    await expectRefusal(() => open(patched(image, [fat16Entry(cluster + 1), 2, 0xffff])), 'image.fat.chain');
    await expectRefusal(() => open(patched(image, [fat16Entry(cluster + 1), 2, 0])), 'image.fat.chain');
    await expectRefusal(() => open(patched(image, [fat16Entry(cluster + 1), 2, 0xfff7])), 'image.fat.chain');
    await expectRefusal(() => open(patched(image, [entryAt('CONFIG  TXT') + 26, 2, 0])), 'image.fat.chain');
    await expectRefusal(() => open(patched(image, [entryAt('CONFIG  TXT') + 28, 4, 0xffffffff])), 'image.fat.chain');
  });

  it('with a folder inside itself is refused', async () => {
    const overlays = clusterOf('OVERLAYS');
    // The first file of the folder becomes a folder whose content is that folder.
    const file = data + (overlays - 2) * 512 + 64 + 64;
    const cyclic = patched(image, [file + 11, 1, 0x10], [file + 26, 2, overlays]);
    await expectRefusal(() => open(cyclic), 'image.fat.cross-linked');
  });

  it.each([
    ['a slash', '/etc    TXT', 'image.name-unsafe'],
    ['a backslash', 'A\\B     TXT', 'image.name-unsafe'],
    ['a control character', 'A\x01B     TXT', 'image.name-unsafe'],
    ['nothing', '           ', 'image.name-unsafe'],
    ['the name of another', 'CMDLINE TXT', 'image.fat.duplicate-name'],
  ] as const)('with a short name of %s is refused', async (_, name, code) => {
    const copy = Uint8Array.from(image);
    // Without NT flags and long name, so that the short one counts.
    copy.set(Buffer.from(name, 'latin1'), entryAt('CONFIG  TXT'));
    await expectRefusal(() => open(copy), code);
  });

  it.each([
    ['dots', [0x2e, 0x2e, 0x00]],
    ['a slash', [0x61, 0x2f, 0x62]],
    ['half a character', [0x61, 0xd800, 0x62]],
    ['a line break', [0x61, 0x0a, 0x62]],
  ])('with a long name of %s is refused', async (_, units) => {
    // The entry in front of "AFOLDE~1" holds the first 13 units of the long name.
    const at = placeOf(image, 'AFOLDE~1') - 32;
    const changes = units.map((unit, i): [number, 2, number] => [at + 1 + i * 2, 2, unit]);
    await expectRefusal(() => open(patched(image, ...changes)), 'image.name-unsafe');
  });

  it('falls back to the short name when the long one does not belong to it', async () => {
    const orphan = patched(image, [placeOf(image, 'AFOLDE~1') - 32 + 13, 1, 0]);
    expect(await (await open(orphan)).stat('AFOLDE~1')).toBeDefined();
  });

  it.each([
    ['no signature', [510, 2, 0]],
    ['an unknown media byte', [21, 1, 0]],
    ['sectors of 300 bytes', [11, 2, 300]],
    ['clusters of no sectors', [13, 1, 0]],
    ['no allocation table', [16, 1, 0]],
    ['nothing reserved', [14, 2, 0]],
  ] as [string, [number, 1 | 2 | 4, number]][])('with %s is no FAT', async (_, change) => {
    await expectRefusal(() => open(patched(image, change)), 'image.fat.not-fat');
  });

  it('with tables larger than itself, or more sectors than bytes, is refused', async () => {
    await expectRefusal(() => open(patched(image, [22, 2, 0xffff])), 'image.fat.corrupt');
    await expectRefusal(() => open(patched(image, [19, 2, 0], [32, 4, 0xffffffff])), 'image.fat.past-end');
  });
});
