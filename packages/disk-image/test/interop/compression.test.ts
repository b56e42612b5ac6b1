import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decompress } from '../../src/index.js';
import { expectRefusal } from '../support/expect.js';
import { createRandom, seed } from '../support/runs.js';
import { run } from '../support/tools.js';

const random = createRandom(seed);
const limit = 64 * 1024 * 1024;
const samples: [string, Buffer][] = [
  ['a program', readFileSync(process.execPath).subarray(0, 3_000_000)],
  ['text', Buffer.from(Array.from({ length: 60_000 }, (_, i) => `line ${i * 7919} of the text\n`).join(''))],
  ['noise', Buffer.from(Array.from({ length: 300_000 }, () => random() * 256))],
  ['few values', Buffer.from(Array.from({ length: 400_000 }, () => random() ** 4 * 20))],
  ['zeros', Buffer.alloc(3_000_000)],
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
];

const compressors: [string, string[]][] = [
  ['zstd', ['-q', '-c', '-1']],
  ['zstd', ['-q', '-c', '-3', '--no-check']],
  ['zstd', ['-q', '-c', '-9', '--no-content-size']],
  ['zstd', ['-q', '-c', '-19']],
  ['zstd', ['-q', '-c', '--ultra', '-22', '--long=27']],
  ['zstd', ['-q', '-c', '--fast=5']],
  ['xz', ['-c', '-1']],
  ['xz', ['-c', '--check=crc32', '--lzma2=dict=2MiB']],
  ['gzip', ['-c', '-1']],
  ['gzip', ['-c', '-9n']],
];

describe.each(samples)('%s', (_, sample) => {
  it.each(compressors)('compressed by %s %j is decompressed', async (command, args) => {
    const compressed = run(command, args, { input: sample });
    expect(Buffer.compare(await decompress(compressed, { limit }), sample)).toBe(0);
    if (sample.length === 0) return;
    await expectRefusal(() => decompress(compressed, { limit: sample.length - 1 }), 'image.too-large');
  });
});

describe('several zstd frames', () => {
  const frame = (text: string): Buffer => run('zstd', ['-q', '-c'], { input: text });
  const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

  it('are read one after the other, with skippable ones between', async () => {
    const both = Buffer.concat([frame('one '), skippable, frame('two')]);
    expect(Buffer.from(await decompress(both, { limit })).toString()).toBe('one two');
  });

  it.each(['zstd', 'xz', 'gzip'])('and what lies behind %s is ignored only when asked', async (command) => {
    const trailing = Buffer.concat([run(command, ['-c'], { input: 'one' }), Buffer.from('something else')]);
    const bytes = await decompress(trailing, { limit, ignoreTrailing: true });
    expect(Buffer.from(bytes).toString()).toBe('one');
    await expectRefusal(() => decompress(trailing, { limit }), 'image.compression.corrupt');
  });
});
