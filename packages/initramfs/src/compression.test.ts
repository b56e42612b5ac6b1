import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { chooseCompression, embeddedConfiguration, fromConfiguration, fromModule, fromRelease } from './compression.js';

test.each([
  ['6.1.0-18-arm64', true],
  ['5.10.0-28-arm64', true],
  ['4.19.0-26-arm64', false],
  ['6.1.21-v8+', false],
  ['6.6.31+rpt-rpi-v8', false],
  ['6.6.51+rpt-rpi-v8', true],
  ['6.6.74+rpt-rpi-2712', true],
  ['6.12.25+rpt-rpi-v7', true],
  ['5.15.84-v7l+', false],
  ['6.7.0-v8+', false],
])('kernel %s by its version: zstd is %s', (release, zstd) => {
  expect(fromRelease(release).includes('zstd')).toBe(zstd);
  expect(fromRelease(release)).toContain('gzip');
});

test('a squashfs module has the symbols of what it can decompress', () => {
  // Every squashfs names all compressions for its error messages; only symbols count.
  const names = 'zlib\0xz\0zstd\0lzo\0lz4\0unknown\0';
  expect(fromModule(Buffer.from(`${names}\0zlib_inflate\0zstd_init_dstream\0`))).toEqual(['zstd', 'gzip']);
  expect(fromModule(Buffer.from(names))).toEqual([]);
});

test('a configuration is read from a file and from a configs module', () => {
  const text = 'CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_ZLIB=y\n# CONFIG_SQUASHFS_ZSTD is not set\nCONFIG_SQUASHFS_LZO=y\n';
  expect(fromConfiguration(text)).toEqual(['gzip', 'lzo']);
  const module = Buffer.concat([Buffer.from('\x7fELF..IKCFG_ST'), gzipSync(text), Buffer.from('IKCFG_ED..')]);
  expect(embeddedConfiguration(module)).toBe(text);
  expect(embeddedConfiguration(Buffer.from('IKCFG_ST\x1f\x8b\x08 broken', 'latin1'))).toBeUndefined();
  expect(embeddedConfiguration(Buffer.from('nothing'))).toBeUndefined();
});

test('the best that all kernels can mount is chosen', () => {
  const kernel = (can: ('gzip' | 'zstd' | 'xz' | 'lzo')[]) => ({ release: 'r', can, evidence: 'e' });
  expect(chooseCompression([kernel(['zstd', 'gzip'])]).compression).toBe('zstd');
  expect(chooseCompression([kernel(['zstd', 'gzip']), kernel(['gzip', 'xz'])]).compression).toBe('gzip');
  expect(chooseCompression([kernel(['xz']), kernel(['xz', 'lzo'])]).compression).toBe('xz');
  expect(chooseCompression([kernel(['xz']), kernel(['lzo'])])).toMatchObject({ compression: 'gzip' });
});
