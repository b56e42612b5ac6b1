import { describe, expect, it } from 'vitest';
import type { DiskContent } from '../../app/disks/ports.js';
import { shapeContent } from './content.js';

const data = (length: number): Uint8Array => new Uint8Array(length).fill(7);
/** Each run as `data N` or `hole N`; checks that a run is as long as its parts. */
function shape(content: DiskContent, length: number, holes: boolean): string[] | undefined {
  return shapeContent(content, length, holes)?.map((run) => {
    if (!run.parts) return `hole ${run.length}`;
    expect(run.parts.reduce((sum, part) => sum + part.length, 0)).toBe(run.length);
    return `data ${run.length}`;
  });
}

describe('what a read brought', () => {
  it('is one run when it is bytes', () => {
    expect(shape(data(10), 10, true)).toEqual(['data 10']);
    expect(shape([data(4), data(0), data(6)], 10, true)).toEqual(['data 10']);
    expect(shape(data(0), 0, true)).toEqual([]);
  });

  it('has holes that are worth a chunk of their own', () => {
    const content = [data(512), { zeroes: 4096 }, { zeroes: 8192 }, data(1), { zeroes: 4095 }, data(1)];
    expect(shape(content, 16_897, true)).toEqual(['data 512', 'hole 12288', 'data 4097']);
    expect(shape(content, 16_897, false)).toEqual(['data 16897']);
  });

  it('is a hole when there is nothing else, however short', () => {
    expect(shape([{ zeroes: 100 }], 100, true)).toEqual(['hole 100']);
  });

  it('spells zeroes out where they are asked for, without holding them', () => {
    const runs = shapeContent([{ zeroes: 32 << 20 }], 32 << 20, false)!;
    const parts = runs[0]!.parts!;
    expect(parts.every((part) => part.every((byte) => byte === 0))).toBe(true);
    expect(new Set(parts.map(({ buffer }) => buffer)).size).toBe(1);
  });

  it('is nothing when it is not as long as it should be', () => {
    expect(shape(data(9), 10, true)).toBeUndefined();
    expect(shape(data(11), 10, true)).toBeUndefined();
    expect(shape([data(5), { zeroes: 2 ** 32 }], 10, false)).toBeUndefined();
    expect(shape([], 10, true)).toBeUndefined();
  });
});
