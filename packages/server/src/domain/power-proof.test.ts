import { describe, expect, it } from 'vitest';
import { isToBeAsked, proofOf } from './power-proof.js';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
const switched = (state: 'starting' | 'off') => ({ state, actedAt: at(0), proofUntil: at(120), byHand: false });
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

describe('a board that a person was told to switch off', () => {
  const byHand = { ...switched('off'), byHand: true };
  const judgeByHand = (seen: number, now: number) => proofOf(byHand, at(seen), Date.parse(at(now)));
  it('may go on until the time for it is nearly over', () => {
    expect(judgeByHand(31, 40)).toEqual({ kind: 'open' });
    expect(judgeByHand(59, 119)).toEqual({ kind: 'open' });
    expect(judgeByHand(59, 120)).toEqual({ kind: 'proved', by: 'silence' });
  });
  it('is not off when it was heard at the end', () => {
    expect(judgeByHand(61, 119)).toEqual({ kind: 'open' });
    expect(judgeByHand(61, 120)).toEqual({ kind: 'failed', reason: 'it was heard 61 s after it was switched off' });
  });
  it('is not asked', () => {
    expect(isToBeAsked(byHand, Date.parse(at(119)))).toBe(false);
  });
});

describe('a board that was switched off', () => {
  it('is asked as soon as an answer would show something', () => {
    const asked = (state: 'starting' | 'off', now: number) => isToBeAsked(switched(state), Date.parse(at(now)));
    expect([asked('off', 5), asked('off', 6), asked('starting', 6)]).toEqual([false, true, false]);
  });
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
