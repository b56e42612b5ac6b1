import { describe, expect, it } from 'vitest';
import { VmProperties } from './cloud-properties.js';
import { parse } from './parse.js';
import { argumentsOf } from './schemas.js';

describe('arguments', () => {
  it('may be more than are known', () => {
    expect(argumentsOf.create_stemcell().safeParse(['/image', {}, { tags: {} }]).success).toBe(true);
    expect(argumentsOf.has_vm().safeParse(['cid', 1, 2]).success).toBe(true);
  });
  it('may lack what a director leaves out', () => {
    expect(argumentsOf.create_disk().safeParse([64, {}]).success).toBe(true);
    expect(argumentsOf.create_disk().safeParse([64, {}, null]).success).toBe(true);
    const network = { a: { cloud_properties: {}, ip: '10.0.0.1', dns: null } };
    expect(argumentsOf.create_vm().parse(['agent', 'cid', {}, network, null])[3]['a']?.type).toBe('manual');
  });
  it.each([
    ['create_disk', [0, {}, null], 'create_disk.0: is less than 1 MiB'],
    ['create_disk', ['64', {}, null], 'create_disk.0: '],
    ['attach_disk', ['vm'], 'attach_disk.1: '],
    ['create_vm', ['agent', 'cid', {}, { a: { type: 'magic' } }, [], {}], 'create_vm.3.a.type: '],
  ] as const)('%s %j are refused by place', (method, given, where) => {
    expect(() => parse(argumentsOf[method](), given, method)).toThrow(where);
  });
});

describe('cloud properties of a VM', () => {
  it('have a root that outlasts restarts, and may hold what others read', () => {
    expect(VmProperties.parse({ instance_type: 'm1.small' })).toEqual({ root_mode: 'nbd', instance_type: 'm1.small' });
  });
});
