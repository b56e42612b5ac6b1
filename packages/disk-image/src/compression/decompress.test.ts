import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusesOnly } from '../../test/support/exercise.js';
import { expectRefusal } from '../../test/support/expect.js';
import { fieldsIn, mutations, withMutations } from '../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { detectCompression, detectContainer } from './container.js';
import { decompress } from './decompress.js';

const sample = (suffix: string): Uint8Array =>
  Uint8Array.from(readFileSync(new URL(`../../test/corpus/numbers.${suffix}`, import.meta.url)));
const numbers = Array.from({ length: 500 }, (_, i) => `${i + 1}\n`).join('');
const formats = ['gz', 'xz', 'zst'] as const;

describe.each(formats)('decompress %s', (format) => {
  const compressed = sample(format);

  it('gives back what was compressed', async () => {
    expect(Buffer.from(await decompress(compressed, { limit: numbers.length })).toString()).toBe(numbers);
  });

  it('stops at the limit, again and again and at the same time', async () => {
    const attempt = () => decompress(compressed, { limit: numbers.length - 1 });
    await Promise.all(Array.from({ length: 8 }, () => expectRefusal(attempt, 'image.too-large')));
    expect(await decompress(compressed, { limit: numbers.length })).toHaveLength(numbers.length);
  });

  it('refuses what is cut short', async () => {
    for (const length of [compressed.length - 1, compressed.length - 12, 20, 7]) {
      await expectRefusal(
        () => decompress(compressed.subarray(0, length), { limit: 4096 }),
        'image.compression.corrupt',
      );
    }
  });

  it('gives the right bytes or refuses, whatever is changed', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns(`decompress ${format}`, 700);
    const image = Uint8Array.from(compressed);
    const fields = fieldsIn(0, image.length);
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const run = () => refusesOnly(() => decompress(image, { limit: 65_536 }));
        await withMutations(image, fields, changes, run);
      }),
      { numRuns, seed },
    );
  });
});

describe('decompress', () => {
  it('gives back what has no known mark as it is', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(await decompress(bytes, { limit: 1 })).toBe(bytes);
  });

  it('names what it cannot decompress', async () => {
    const refusal = await expectRefusal(
      () => decompress(sample('lz4'), { limit: 4096 }),
      'image.compression.unsupported',
    );
    expect(refusal.message).toContain('lz4');
  });

  it('does not unpack a bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    await expectRefusal(() => decompress(bomb, { limit: 1_000_000 }), 'image.too-large');
  });
});

describe('detection by first bytes', () => {
  it('knows small files', () => {
    expect(formats.map((format) => detectCompression(sample(format)))).toEqual(['gzip', 'xz', 'zstd']);
    expect(detectCompression(sample('lz4'))).toBe('lz4');
    expect(detectCompression(new Uint8Array(0))).toBe('none');
    expect(detectCompression(Buffer.from('PK\x03\x04'))).toBe('none');
  });

  it('knows what an image comes in', () => {
    const disk = new Uint8Array(512);
    disk.set([0x55, 0xaa], 510);
    expect(formats.map((format) => detectContainer(sample(format)))).toEqual(['gz', 'xz', 'zst']);
    expect(detectContainer(Buffer.from('PK\x03\x04'))).toBe('zip');
    expect(detectContainer(Buffer.from('BZh91AY'))).toBe('bz2');
    expect(detectContainer(disk)).toBe('img');
    expect(detectContainer(disk.subarray(0, 511))).toBe('unknown');
    expect(detectContainer(sample('lz4'))).toBe('unknown');
  });
});
