import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileSource, Segment } from '../../../domain/boot-plan.js';
import { createSegmentReader, locate, tagOf } from './segments.js';

const blob = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) & 0xff));
const reads: string[] = [];
const blobs = {
  read: async (digest: string, offset: number, length: number) => {
    reads.push(`${digest} ${offset} ${length}`);
    if (offset + length > blob.length) throw new Error('the blob is shorter');
    return blob.subarray(offset, offset + length);
  },
};
const fileOf = (segments: readonly Segment[]): FileSource => ({
  segments,
  size: segments.reduce((sum, { length }) => sum + length, 0),
});
const bytesOf = ({ segments }: FileSource): Buffer =>
  Buffer.concat(
    segments.map((segment) => {
      if ('zero' in segment) return Buffer.alloc(segment.length);
      if ('inline' in segment) return Buffer.from(segment.inline, 'base64');
      return blob.subarray(segment.offset, segment.offset + segment.length);
    }),
  );

const anySegment = fc.oneof(
  fc
    .tuple(fc.nat(4000), fc.integer({ min: 1, max: 1000 }))
    .map(([offset, length]): Segment => ({ blob: 'x', offset, length })),
  fc.integer({ min: 1, max: 700 }).map((length): Segment => ({ zero: true, length })),
  fc
    .uint8Array({ minLength: 1, maxLength: 50 })
    .map((bytes): Segment => ({ inline: Buffer.from(bytes).toString('base64'), length: bytes.length })),
);

describe('reading segments', () => {
  it('gives the same bytes as the segments laid one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anySegment, { maxLength: 6 }),
        fc.nat(4000),
        fc.nat(3000),
        async (segments, offset, length) => {
          const file = fileOf(segments);
          const reader = createSegmentReader({ blobs, cacheBytes: 2000, pieceBytes: 64 });
          const got = Buffer.from(await reader.read(file, offset, length));
          expect(got.equals(bytesOf(file).subarray(offset, offset + length))).toBe(true);
          expect(reader.cachedBytes()).toBeLessThanOrEqual(2000);
        },
      ),
    );
  });

  it('reads a piece once for all who ask at the same time, and answers at once from then on', async () => {
    reads.length = 0;
    const reader = createSegmentReader({ blobs, cacheBytes: 10_000, pieceBytes: 1024 });
    const file = fileOf([{ blob: 'x', offset: 100, length: 3000 }]);
    await Promise.all(Array.from({ length: 20 }, async (_, i) => reader.read(file, i * 50, 50)));
    expect(reads).toEqual(['x 100 1024']);
    expect(reader.read(file, 200, 100)).toBeInstanceOf(Uint8Array);
  });

  it('forgets a failed read', async () => {
    let broken = true;
    const reader = createSegmentReader({
      blobs: {
        read: async (_digest, _offset, length) => (broken ? Promise.reject(new Error('gone')) : new Uint8Array(length)),
      },
      cacheBytes: 1000,
    });
    const file = fileOf([{ blob: 'x', offset: 0, length: 10 }]);
    await expect(reader.read(file, 0, 10)).rejects.toThrow('gone');
    broken = false;
    expect(await reader.read(file, 0, 10)).toHaveLength(10);
  });

  it('names bytes by where they come from', () => {
    const file = () => fileOf([{ blob: 'x', offset: 0, length: 10 }]);
    expect(tagOf(file())).toBe(tagOf(file()));
    expect(tagOf(file())).not.toBe(tagOf(fileOf([{ blob: 'x', offset: 1, length: 10 }])));
    expect(() => locate(file(), 10)).toThrow(RangeError);
  });
});
