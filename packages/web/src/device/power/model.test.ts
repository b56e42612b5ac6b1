import type { PowerDriverInfo } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { isInUse, readValues, supplyOf, typedOf } from './model.js';

const rack: PowerDriverInfo = { name: 'rack-2', kind: 'snmp', needs: ['port'], canQuery: true };

describe('where a board is plugged in', () => {
  it('begins with what is known, each value in its place', () => {
    const supply = { driver: 'rack-2', values: { port: '7', group: '2' } };
    expect(typedOf(supply, rack)).toEqual({ driver: 'rack-2', needed: { port: '7' }, more: 'group=2' });
  });

  it('begins empty with another driver', () => {
    const supply = { driver: 'plugs', values: { port: '7' } };
    expect(typedOf(supply, rack)).toEqual({ driver: 'rack-2', needed: { port: '' }, more: '' });
  });

  it('is asked for whole, and not before it is', () => {
    expect(supplyOf({ driver: 'rack-2', needed: { port: ' 7 ' }, more: 'group=2' })).toEqual({
      driver: 'rack-2',
      values: { group: '2', port: '7' },
    });
    expect(supplyOf({ driver: 'rack-2', needed: { port: ' ' }, more: '' })).toBeUndefined();
    expect(supplyOf({ driver: '', needed: {}, more: '' })).toBeUndefined();
  });

  it('is read as names and values', () => {
    expect(readValues('group=2, channel=a=b')).toEqual({ group: '2', channel: 'a=b' });
    expect(readValues('')).toEqual({});
    expect(readValues('group')).toBeUndefined();
    expect(readValues('Group=2')).toBeUndefined();
  });
});

it('asks before a board loses power that somebody works with', () => {
  expect(isInUse({ state: 'in-use' })).toBe(true);
  expect(isInUse({ state: 'available' })).toBe(false);
});
