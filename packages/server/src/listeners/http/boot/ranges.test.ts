import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseRange, isUnchanged } from './ranges.js';

const etag = '"t"';
const choose = (range: string | undefined, size = 1000, ifRange?: string) => chooseRange(range, ifRange, etag, size);

describe('one range of a file', () => {
  it.each([
    [undefined, { kind: 'whole' }],
    ['bytes=0-0', { kind: 'part', start: 0, end: 0 }],
    ['bytes=10-', { kind: 'part', start: 10, end: 999 }],
    ['bytes=-10', { kind: 'part', start: 990, end: 999 }],
    ['bytes=-5000', { kind: 'part', start: 0, end: 999 }],
    ['bytes=990-5000', { kind: 'part', start: 990, end: 999 }],
    ['BYTES= 1-2', { kind: 'part', start: 1, end: 2 }],
    ['bytes=1000-', { kind: 'unsatisfiable' }],
    ['bytes=-0', { kind: 'unsatisfiable' }],
    ['bytes=5-4', { kind: 'whole' }],
    ['bytes=-', { kind: 'whole' }],
    ['bytes=0-1,3-4', { kind: 'whole' }],
    ['lines=0-1', { kind: 'whole' }],
    ['bytes=a-b', { kind: 'whole' }],
    ['bytes=99999999999999999999-', { kind: 'whole' }],
  ])('%s', (range, wanted) => {
    expect(choose(range)).toEqual(wanted);
  });

  it('of an empty file is never satisfiable', () => {
    expect(choose('bytes=0-', 0)).toEqual({ kind: 'unsatisfiable' });
    expect(choose('bytes=-1', 0)).toEqual({ kind: 'unsatisfiable' });
  });

  it('counts only while the file is the one that was meant', () => {
    expect(choose('bytes=0-1', 1000, etag)).toEqual({ kind: 'part', start: 0, end: 1 });
    expect(choose('bytes=0-1', 1000, '"other"')).toEqual({ kind: 'whole' });
    expect(choose('bytes=0-1', 1000, 'W/"t"')).toEqual({ kind: 'whole' });
  });

  it('lies within the file, whatever is asked', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(5000), (text, size) => {
        const answer = choose(`bytes=${text}`, size);
        if (answer.kind !== 'part') return;
        expect(answer.start).toBeGreaterThanOrEqual(0);
        expect(answer.end).toBeLessThan(size);
        expect(answer.start).toBeLessThanOrEqual(answer.end);
      }),
    );
  });

  it('is not sent again to who has it', () => {
    expect(isUnchanged(undefined, etag)).toBe(false);
    expect(isUnchanged('*', etag)).toBe(true);
    expect(isUnchanged('"a", W/"t"', etag)).toBe(true);
    expect(isUnchanged('"a"', etag)).toBe(false);
  });
});
