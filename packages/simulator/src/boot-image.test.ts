import { createSign, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../test/support/runs.js';
import { readBootSignature, signatureHolds } from './boot-signature.js';
import { openFatImage } from './fat-image.js';
import { overlayOnChip, readOverlayMap } from './overlay-map.js';

describe('boot.sig', () => {
  const sha = 'ab'.repeat(32);

  it('reads digest, time and signature', () => {
    const text = `${sha}\nts: 1647000000\ntarget-soc: 2711\nrsa2048: ${'01'.repeat(256)}\n`;
    expect(readBootSignature(Buffer.from(text))).toEqual({
      sha256: sha,
      timestamp: 1_647_000_000,
      signature: Buffer.alloc(256, 1),
    });
  });

  it.each([
    ['nothing', ''],
    ['a short digest', 'abcd\nts: 1\n'],
    ['text', 'hello'],
  ])('refuses %s', (_name, text) => {
    expect(readBootSignature(Buffer.from(text))).toBeUndefined();
  });

  it('ignores a malformed time and signature', () => {
    expect(readBootSignature(Buffer.from(`${sha}\nts: soon\nrsa2048: 12\n`))).toEqual({ sha256: sha });
  });

  it('checks RSA PKCS#1 v1.5 over SHA-256', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const image = Buffer.from('image');
    const signature = createSign('RSA-SHA256').update(image).sign(privateKey);
    expect(signatureHolds(image, signature, publicKey)).toBe(true);
    expect(signatureHolds(Buffer.from('Image'), signature, publicKey)).toBe(false);
  });
});

describe('FAT', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(4096)],
    ['a boot sector that lies about its size', bootSector(0xffffffff, 200)],
  ])('opens %s without a fault', (_name, image) => {
    const opened = openFatImage(image);
    expect(opened?.read('config.txt')).toBeUndefined();
  });

  it('reads mutated volumes without a fault or an endless chain', () => {
    const volume = Buffer.concat([bootSector(64, 1), Buffer.alloc(63 * 512)]);
    Buffer.from('CONFIG  TXT ').copy(volume, 512 * 2);
    volume.writeUInt16LE(2, 512 * 2 + 26);
    volume.writeUInt32LE(5, 512 * 2 + 28);
    check(
      'mutated FAT volumes',
      500,
      fc.property(
        fc.array(fc.tuple(fc.nat(volume.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }),
        (changes) => {
          const mutated = Buffer.from(volume);
          for (const [at, byte] of changes) mutated[at] = byte;
          const opened = openFatImage(mutated);
          for (const name of ['config.txt', 'a/b', 'overlays/x.dtbo']) {
            expect(opened?.read(name)?.length ?? 0).toBeLessThanOrEqual(mutated.length);
          }
        },
      ),
    );
  });

  function bootSector(sectors: number, fatSectors: number): Buffer {
    const sector = Buffer.alloc(512);
    sector.writeUInt16LE(512, 11);
    sector[13] = 1;
    sector.writeUInt16LE(1, 14);
    sector[16] = 1;
    sector.writeUInt16LE(16, 17);
    sector.writeUInt32LE(sectors, 32);
    sector.writeUInt16LE(fatSectors, 22);
    sector.writeUInt16LE(0xaa55, 510);
    return sector;
  }
});

describe('overlay_map.dtb', () => {
  const strings = 'bcm2835\0bcm2711\0bcm2712\0renamed\0';
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const padded = (text: string): Buffer =>
    Buffer.concat([Buffer.from(text), Buffer.alloc((4 - (text.length % 4)) % 4)]);
  const property = (name: string, value: string): Buffer =>
    Buffer.concat([word(3), word(value.length), word(strings.indexOf(name)), padded(value)]);
  const node = (name: string, ...content: readonly Buffer[]): Buffer =>
    Buffer.concat([word(1), padded(`${name}\0`), ...content, word(2)]);
  const tree = (root: Buffer): Buffer => {
    const structure = Buffer.concat([root, word(9)]);
    const head = [
      0xd00dfeed,
      40 + structure.length + strings.length,
      40,
      40 + structure.length,
      0,
      17,
      16,
      0,
      strings.length,
      structure.length,
    ];
    return Buffer.concat([...head.map(word), structure, Buffer.from(strings)]);
  };
  const bytes = tree(
    node(
      '',
      node(
        'vc4-kms-v3d',
        property('bcm2835', ''),
        property('bcm2711', 'vc4-kms-v3d-pi4\0'),
        property('bcm2712', 'vc4-kms-v3d-pi5\0'),
      ),
      node('i2c0-bcm2708', property('renamed', 'i2c0\0')),
      node('cma', property('bcm2711', '')),
    ),
  );

  it.each([
    ['vc4-kms-v3d', 'bcm2837', 'vc4-kms-v3d'],
    ['vc4-kms-v3d', 'bcm2711', 'vc4-kms-v3d-pi4'],
    ['vc4-kms-v3d', 'bcm2712', 'vc4-kms-v3d-pi5'],
    ['i2c0-bcm2708', 'bcm2711', 'i2c0'],
    ['cma', 'bcm2712', undefined],
    ['not-in-the-map', 'bcm2711', 'not-in-the-map'],
  ])('%s on %s is %s', (name, chip, expected) => {
    expect(overlayOnChip(readOverlayMap(bytes), name, chip)).toBe(expected);
  });

  it('a broken or absent map changes nothing', () => {
    expect(overlayOnChip(readOverlayMap(Buffer.alloc(0)), 'x', 'bcm2711')).toBe('x');
    check(
      'mutated overlay maps',
      500,
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
        (changes) => {
          const mutated = Buffer.from(bytes);
          for (const [at, byte] of changes) mutated[at] = byte;
          expect(readOverlayMap(mutated)).toBeInstanceOf(Map);
        },
      ),
    );
  });
});
