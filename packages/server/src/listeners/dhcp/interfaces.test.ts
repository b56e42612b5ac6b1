import { describe, expect, it } from 'vitest';
import type { NetworkInterfaceInfo } from 'node:os';
import { resolveInterfaces } from './interfaces.js';

const info = (address: string, family: 'IPv4' | 'IPv6' = 'IPv4'): NetworkInterfaceInfo => ({
  address,
  netmask: '',
  mac: '',
  internal: false,
  cidr: null,
  ...(family === 'IPv6' ? { family, scopeid: 0 } : { family }),
});

const machine = {
  lo: [info('127.0.0.1')],
  eth0: [info('fe80::1', 'IPv6'), info('10.0.0.5'), info('10.0.0.6')],
  wlan0: [info('fe80::2', 'IPv6')],
};

describe('interfaces to serve', () => {
  it('are named by name, with the first address, or by address', () => {
    expect(resolveInterfaces(['eth0'], machine)).toEqual([{ name: 'eth0', address: '10.0.0.5' }]);
    expect(resolveInterfaces(['10.0.0.6'], machine)).toEqual([{ name: 'eth0', address: '10.0.0.6' }]);
    expect(resolveInterfaces(['eth0', '10.0.0.5'], machine)).toHaveLength(1);
  });

  it('may be any address of the loopback network', () => {
    expect(resolveInterfaces(['127.9.9.9'], machine)).toEqual([{ name: 'lo', address: '127.9.9.9' }]);
  });

  it('are refused with what there is instead', () => {
    expect(() => resolveInterfaces(['eth1'], machine)).toThrow(/eth1 .* Present are: lo \(127.0.0.1\), eth0/);
    expect(() => resolveInterfaces(['wlan0'], machine)).toThrow(/wlan0 is no interface with an IPv4 address/);
  });
});
