import { describe, expect, it } from 'vitest';
import { proofOf } from './power-proof.js';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
const switched = (state: 'starting' | 'off') => ({ state, actedAt: at(0), proofUntil: at(120) });
const judge = (state: 'starting' | 'off', seen: number | null, now: number) =>
  proofOf(switched(state), seen === null ? null : at(seen), Date.parse(at(now)));

describe('a board that was switched on', () => {
  it('is on when it is heard', () => {
    expect(judge('starting', 4, 5)).toEqual({ kind: 'proved', by: 'the board' });
    expect(judge('starting', 4, 500)).toEqual({ kind: 'proved', by: 'the board' });
  });
  it('is waited for, and then it is not', () => {
    expect(judge('starting', -3, 119)).toEqual({ kind: 'open' });
    expect(judge('starting', null, 120)).toEqual({
      kind: 'failed',
      reason: 'nothing was heard of it in the 120 s after it was switched on',
    });
  });
});

describe('a board that was switched off', () => {
  it('is off when it is silent for long enough', () => {
    expect(judge('off', -3, 119)).toEqual({ kind: 'open' });
    expect(judge('off', 4, 120)).toEqual({ kind: 'proved', by: 'silence' });
    expect(judge('off', null, 120)).toEqual({ kind: 'proved', by: 'silence' });
  });
  it('is not when it is heard', () => {
    expect(judge('off', 31, 40)).toEqual({
      kind: 'failed',
      reason: 'it was heard 31 s after it was switched off',
    });
  });
});
