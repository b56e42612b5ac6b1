import fc from 'fast-check';
import { RefusedError } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { pageFrom, readCursor } from './pages.js';

const rows = Array.from({ length: 10 }, (_, i) => ({ at: `2026-01-0${9 - i}`, id: `dev_${i}` }));

describe('a page', () => {
  it('ends where the rows end', () => {
    expect(pageFrom(rows, 10, (row) => [row.at, row.id])).toEqual({ items: rows, next: null });
    expect(pageFrom([], 10, () => [])).toEqual({ items: [], next: null });
  });

  it('has a cursor that gives its last position back', () => {
    const { items, next } = pageFrom(rows, 4, (row) => [row.at, row.id]);
    expect(items).toHaveLength(4);
    expect(next).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(readCursor(next ?? '', ['', ''])).toEqual([rows[3]?.at, rows[3]?.id]);
  });
});

describe('a cursor', () => {
  it('that was not given out is refused, whatever it is', () => {
    const anything = fc.oneof(
      fc.string(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    fc.assert(
      fc.property(anything, (text) => {
        try {
          const [at, id] = readCursor(text, ['', '']);
          expect(typeof at).toBe('string');
          expect(typeof id).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(RefusedError);
          expect((error as RefusedError).refusal.code).toBe('request.cursor-invalid');
        }
      }),
      { numRuns: 500 },
    );
  });
});
