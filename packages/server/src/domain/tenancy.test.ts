import { describe, expect, it } from 'vitest';
import type { Principal } from '@drover/contract';
import { allows, reaches, refuseBelow, tenantFilter } from './tenancy.js';

const who = (change: Partial<Principal>): Principal => ({
  key: 'key_1',
  name: 'k',
  tenant: null,
  role: 'admin',
  ...change,
});

describe('roles', () => {
  it('include the ones below', () => {
    expect(allows('admin', 'operator')).toBe(true);
    expect(allows('operator', 'operator')).toBe(true);
    expect(allows('reader', 'operator')).toBe(false);
    expect(allows('device', 'reader')).toBe(false);
    expect(allows('device', 'device')).toBe(true);
  });

  it('are named in the refusal', () => {
    expect(refuseBelow(who({ role: 'operator' }), 'reader')).toBeUndefined();
    expect(refuseBelow(who({ role: 'reader', name: 'ci' }), 'operator')).toMatchObject({
      code: 'auth.forbidden',
      detail: expect.stringContaining('"ci" is a reader key') as string,
    });
  });
});

describe('a key of a tenant', () => {
  it('reaches its tenant only; one of the installation reaches all', () => {
    expect(reaches(who({ tenant: 'ten_1' }), 'ten_1')).toBe(true);
    expect(reaches(who({ tenant: 'ten_1' }), 'ten_2')).toBe(false);
    expect(reaches(who({ tenant: 'ten_1' }), null)).toBe(false);
    expect(reaches(who({}), 'ten_2')).toBe(true);
    expect(tenantFilter(who({ tenant: 'ten_1' }))).toBe('ten_1');
    expect(tenantFilter(who({}))).toBeUndefined();
  });
});
