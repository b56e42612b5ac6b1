import { ImageVersion, Name } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { idempotencyKey, imageNameOf, isImportedBy } from './digests.js';

describe('a key of a repeated call', () => {
  it('is the same for the same, another for anything else, and may stand in a header', () => {
    const key = idempotencyKey('create_vm', 'uuid', 'agent', 0);
    expect(key).toBe(idempotencyKey('create_vm', 'uuid', 'agent', 0));
    expect(key).not.toBe(idempotencyKey('create_vm', 'uuid', 'agent', 1));
    expect(key).not.toBe(idempotencyKey('create_vm', 'uuidagent', '', 0));
    expect(key).toMatch(/^[\x21-\x7e]{1,128}$/);
  });
});

describe('the name of an imported stemcell', () => {
  const sha256 = 'ab'.repeat(32);
  it.each([
    ['bosh-drover-raspios-bookworm', '1.42'],
    ['Ünïcode / and spaces', '+++'],
    ['x'.repeat(255), '621.94-rc.1+build'],
    ['---', '-'],
  ])('%j %j is one of the server', (name, version) => {
    const named = imageNameOf('director', { name, version }, sha256);
    expect(Name.safeParse(named.name).success, named.name).toBe(true);
    expect(ImageVersion.safeParse(named.version).success, named.version).toBe(true);
  });
  it('is of its content and its director', () => {
    const of = (director: string, digest = sha256) => imageNameOf(director, { name: 'a', version: '1' }, digest);
    expect(of('one')).toEqual(of('one'));
    expect(of('one')).not.toEqual(of('one', 'cd'.repeat(32)));
    expect(isImportedBy('one', of('one').name)).toBe(true);
    expect(isImportedBy('two', of('one').name)).toBe(false);
    expect(isImportedBy('one', 'bosh-mine')).toBe(false);
  });
});
