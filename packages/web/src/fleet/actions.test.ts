import type { Device } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { sortOut, unfitReason, type BulkAction } from './actions.js';

const board = (state: Device['state'], power: Device['power'] = null): Device =>
  ({ id: state, name: state, state, power }) as Device;
const powered = { driver: 'rack', values: {}, wanted: null, state: 'on', stateSince: null, failure: null } as const;
const states = ['discovered', 'available', 'preparing', 'in-use', 'releasing', 'failed'] as const;

describe('an action', () => {
  const cases: [BulkAction, string[]][] = [
    ['adopt', ['discovered']],
    ['provision', ['available']],
    ['release', ['preparing', 'in-use', 'failed']],
    ['delete', ['discovered', 'available', 'failed']],
    ['label', ['available', 'preparing', 'in-use', 'releasing', 'failed']],
    ['on', []],
  ];
  it.each(cases)('%s is for boards that are %j', (action, fit) => {
    const sorted = sortOut(
      action,
      states.map((state) => board(state)),
    );
    expect(sorted.fit.map(({ state }) => state)).toEqual(fit);
    expect(sorted.unfit.every(({ reason }) => reason.length > 5)).toBe(true);
  });

  it('of power needs a supply that can be switched', () => {
    expect(unfitReason('cycle', board('in-use', powered))).toBeUndefined();
    expect(unfitReason('cycle', board('discovered', powered))).toBe('must be adopted first');
  });
});
