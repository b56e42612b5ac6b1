import { describe, expect, it } from 'vitest';
import { isInnermost } from './addresses.js';

describe('addresses of this machine and its link', () => {
  it.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
  ])('%s is one', (address) => {
    expect(isInnermost(address)).toBe(true);
  });

  it.each(['10.0.0.1', '192.168.1.2', '172.16.0.9', '8.8.8.8', '2001:db8::1', 'fd00::1', '::ffff:10.0.0.1'])(
    '%s is none',
    (address) => {
      expect(isInnermost(address)).toBe(false);
    },
  );
});
