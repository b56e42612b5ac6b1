import { describe, expect, it } from 'vitest';
import { requireNetwork } from './network.js';

const check = (lines: Readonly<Record<string, string>>) => () => requireNetwork(new Map(Object.entries(lines)));

describe('the network of a card', () => {
  it.each<Readonly<Record<string, string>>>([
    {},
    { vlan: '7' },
    { address: '192.0.2.7/24' },
    { address: '192.0.2.7/24', gateway: '192.0.2.254', dns: '198.51.100.53', vlan: '4094' },
    { address: '10.1.255.7/15', gateway: '10.0.0.1' },
    { address: '255.255.255.1/30', gateway: '255.255.255.2' },
  ])('may be %j', (lines) => {
    expect(check(lines)).not.toThrow();
  });

  it.each<[Readonly<Record<string, string>>, RegExp]>([
    [{ gateway: '192.0.2.1' }, /^gateway is given without an address/],
    [{ dns: '192.0.2.1', vlan: '7' }, /^dns is given without an address/],
    [{ address: '192.0.2.7/25', gateway: '192.0.2.129' }, /^gateway 192\.0\.2\.129 is not another address in the net/],
    [{ address: '192.0.2.0/24' }, /^address 192\.0\.2\.0\/24 is the first or last/],
    [{ address: '192.0.2.127/25' }, /^address 192\.0\.2\.127\/25 is the first or last/],
    [{ address: '192.0.2.7/24', gateway: '192.0.2.255' }, /^gateway 192\.0\.2\.255 is not another address/],
    [{ address: '192.0.2.7/24', gateway: '192.0.2.7' }, /^gateway 192\.0\.2\.7 is not another address/],
  ])('cannot be %j', (lines, why) => {
    expect(check(lines)).toThrow(why);
  });
});
