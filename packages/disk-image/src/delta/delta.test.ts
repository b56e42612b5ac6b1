import { describe, expect, it } from 'vitest';
import { applied, makeDelta, noise } from '../../test/support/delta.js';
import { expectRefusal } from '../../test/support/expect.js';
import { memorySource, planDelta, readDelta } from '../index.js';
import { BlockIndex } from './block-index.js';

const KiB = 1024;
const old = noise(512 * KiB, 1);
const plan = async (from: Uint8Array, to: Uint8Array, options = {}) =>
  (await planDelta(memorySource(from), memorySource(to), options)).instructions;

describe('what is planned', () => {
  it('is one copy of a file that did not change', async () => {
    expect(await plan(old, old)).toEqual([{ kind: 'copy', offset: 0, length: old.length }]);
  });

  it('is nothing for an empty file, and one insert from an empty file', async () => {
    expect(await plan(old, Buffer.alloc(0))).toEqual([]);
    expect(await plan(Buffer.alloc(0), old)).toEqual([{ kind: 'insert', offset: 0, length: old.length }]);
  });

  it('finds to the byte what has moved by a few bytes', async () => {
    const more = noise(1001, 2);
    const next = Buffer.concat([old.subarray(0, 100_001), more, old.subarray(100_001)]);
    expect(await plan(old, next)).toEqual([
      { kind: 'copy', offset: 0, length: 100_001 },
      { kind: 'insert', offset: 100_001, length: 1001 },
      { kind: 'copy', offset: 100_001, length: old.length - 100_001 },
    ]);
  });

  it('finds what comes in another order', async () => {
    const next = Buffer.concat([old.subarray(300_007), old.subarray(0, 300_007)]);
    expect(await plan(old, next)).toEqual([
      { kind: 'copy', offset: 300_007, length: old.length - 300_007 },
      { kind: 'copy', offset: 0, length: 300_007 },
    ]);
  });

  it('copies nothing that is shorter than is worth it', async () => {
    const next = Buffer.concat([noise(5000, 3), old.subarray(8192, 8192 + 20_000), noise(5000, 4)]);
    expect(await plan(old, next, { shortest: 20_001 })).toEqual([{ kind: 'insert', offset: 0, length: next.length }]);
    expect(await plan(old, next, { shortest: 20_000 })).toHaveLength(3);
  });

  it('gives up the shortest copies when there would be too many instructions', async () => {
    const pieces = [9000, 30_000, 10_000, 20_000];
    const next = Buffer.concat(
      pieces.flatMap((length, n) => [old.subarray(n * 65_536, n * 65_536 + length), noise(500, n + 5)]),
    );
    expect(await plan(old, next)).toHaveLength(8);
    const few = await plan(old, next, { most: 5 });
    expect(few.filter(({ kind }) => kind === 'copy').map(({ length }) => length)).toEqual([30_000, 20_000]);
    expect(few.length).toBeLessThanOrEqual(5);
    expect(few.reduce((sum, { length }) => sum + length, 0)).toBe(next.length);
  });

  it('comes to an end with files of one byte over and over', async () => {
    const zeros = Buffer.alloc(3 * KiB * KiB);
    const next = Buffer.concat([zeros, noise(100, 6), zeros]);
    const delta = await makeDelta(zeros, next);
    expect(delta.length).toBeLessThan(300);
    expect((await applied(zeros, delta)).equals(next)).toBe(true);
  });

  it('stops when it is told to', async () => {
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(plan(old, old, { signal: stop })).rejects.toThrow('enough');
  });
});

it('a search in an index ends also where nothing is free, and a hash that was forgotten stays so', () => {
  const index = new BlockIndex(4096, 1);
  for (let hash = 0; hash < 1000; hash += 1) index.add(hash, hash);
  const found = Array.from({ length: 2000 }, (_, hash) => index.find(hash)).filter((at) => at !== undefined);
  expect(found.length).toBe(16);
  const [some = 0] = found;
  index.forget(some / 4096);
  index.add(some / 4096, 7);
  expect(index.find(some / 4096)).toBeUndefined();
});

describe('a delta', () => {
  const next = Buffer.concat([old.subarray(0, 50_000), noise(10, 7), old.subarray(60_000)]);
  const good = makeDelta(old, next);
  const withText = async (change: (text: string) => string): Promise<Buffer> => {
    const delta = await good;
    const end = delta.indexOf('end\n') + 4;
    return Buffer.concat([Buffer.from(change(delta.toString('latin1', 0, end))), delta.subarray(end)]);
  };

  it('is the text that the format says, and the bytes', async () => {
    expect((await good).toString('latin1')).toBe(
      `drover-delta 1\nold 524288\nnew 514298\ndata 10\ncopy 0 50000\ninsert 10\ncopy 60000 464288\nend\n${noise(10, 7).toString('latin1')}`,
    );
  });

  it.each<[string, (text: string) => string]>([
    ['another version', (text) => text.replace('delta 1', 'delta 2')],
    ['no end', (text) => text.replace('end\n', '')],
    ['an unknown word', (text) => text.replace('insert', 'inject')],
    ['a word twice', (text) => text.replace('insert 10', 'old 10')],
    ['a copy from beyond the end', (text) => text.replace('copy 60000', 'copy 60001')],
    ['an empty instruction', (text) => text.replace('insert 10', 'insert 10\ncopy 0 0')],
    ['a leading zero', (text) => text.replace('insert 10', 'insert 010')],
    ['a number that is too large', (text) => text.replace('copy 0 ', 'copy 1000000000000000 ')],
    ['another size of the new file', (text) => text.replace('new 514298', 'new 514299')],
    ['more inserts than bytes', (text) => text.replace('data 10', 'data 11')],
    [
      'fewer bytes than it says',
      (text) => text.replace('data 10', 'data 20').replace('insert 10', 'insert 20').replace('514298', '514308'),
    ],
    ['too many instructions', (text) => text.replace('insert 10', `insert 10\n${'copy 0 1\n'.repeat(5000)}copy 0 1`)],
    ['text without an end', (text) => text.replace('insert 10\n', `${'insert 10\n'.repeat(40_000)}`)],
  ])('with %s is refused', async (_, change) => {
    await expectRefusal(async () => readDelta(memorySource(await withText(change))), 'image.delta.corrupt');
  });

  it('is refused beside a file of another size', async () => {
    const delta = await good;
    await expectRefusal(() => applied(old.subarray(1), delta), 'image.delta.corrupt');
  });
});
