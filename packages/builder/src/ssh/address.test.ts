import { describe, expect, it } from 'vitest';
import { parseSshAddress, placeOf } from './address.js';

describe('the address of a host that builds', () => {
  it.each([
    ['ssh://builder', { user: null, host: 'builder', port: null }],
    ['ssh://pi@builder.example:2222', { user: 'pi', host: 'builder.example', port: 2222 }],
    ['ssh://192.0.2.7/', { user: null, host: '192.0.2.7', port: null }],
    ['ssh://root@[2001:db8::7]:22', { user: 'root', host: '2001:db8::7', port: 22 }],
    ['ssh://[fe80::1%eth0]', { user: null, host: 'fe80::1%eth0', port: null }],
  ])('%s', (text, value) => {
    expect(parseSshAddress(text)).toEqual({ ok: true, value });
  });

  it.each([
    ['builder', 'is not an address'],
    ['ssh://', 'is not an address'],
    ['ssh://builder/path', 'is not an address'],
    ['ssh://-oProxyCommand=id', 'no host'],
    ['ssh://pi@-F', 'no host'],
    ['ssh://-l@builder', 'no user'],
    ['ssh://$(id)@builder', 'no user'],
    ['ssh://builder;id', 'no host'],
    ['ssh://pi:secret@builder', 'holds a password'],
    ['ssh://builder:0', 'has a port'],
    ['ssh://builder:70000', 'has a port'],
  ])('%s is refused', (text, why) => {
    const refused = parseSshAddress(text);
    expect(refused).toMatchObject({ ok: false, code: 'request.invalid', errors: [{ field: 'on' }] });
    expect(JSON.stringify(refused)).toContain(why);
    expect(JSON.stringify(refused)).not.toContain('secret');
  });

  it('is called as one calls it', () => {
    expect(placeOf({ user: 'pi', host: 'builder', port: 22 })).toBe('pi@builder');
    expect(placeOf({ user: null, host: 'builder', port: null })).toBe('builder');
  });
});
