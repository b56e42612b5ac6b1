import { describe, expect, it } from 'vitest';
import { silentLog } from '../../test/boot/log.js';
import type { Timers } from '../listeners/udp/timers.js';
import { differences, followInterfaces } from './follow-interfaces.js';
import type { ServedAddress } from './settings.js';

const at = (name: string, address: string): ServedAddress => ({ name, address, netmask: '255.255.255.0' });
const [eth0, eth1, later] = [at('eth0', '10.0.0.1'), at('eth1', '10.1.0.1'), at('eth0', '10.0.0.9')];

/** A machine whose interfaces a test moves, and two listeners that write down what they are told. */
async function setup(first: ServedAddress[]) {
  let present: readonly ServedAddress[] = first;
  let tick = (): void => undefined;
  const timers: Timers = {
    now: () => 0,
    after: () => () => undefined,
    every: (_ms, run) => {
      tick = run;
      return () => (tick = () => undefined);
    },
  };
  const told: string[] = [];
  const logged: string[] = [];
  const refuse = new Map<string, string>();
  const listener = (name: string) => ({
    serve: async (served: readonly ServedAddress[]) => {
      told.push(`${name} ${served.map(({ address }) => address).join(' ')}`);
      return served
        .filter(({ address }) => name === 'tftp' && refuse.has(address))
        .map(({ address }) => ({ address, error: new Error(refuse.get(address)) }));
    },
  });
  const write = (fields: Record<string, unknown>, message: string): void =>
    void logged.push(`${message}: ${String(fields['address'])}`);
  const following = followInterfaces({
    ...{ first, present: () => present, timers, listeners: [listener('tftp'), listener('dhcp')] },
    log: { ...silentLog, info: write, error: write },
  });
  await following.start(new AbortController().signal);
  const look = async (now: ServedAddress[] = [...present]): Promise<void> => {
    present = now;
    tick();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { following, look, told, logged, refuse };
}

describe('interfaces that come and go', () => {
  it('are told from those that stay', () => {
    expect(differences([eth0, eth1], [eth1, later])).toEqual({ came: [later], went: [eth0] });
    expect(differences([eth0], [eth0])).toEqual({ came: [], went: [] });
    expect(differences([eth0], [at('br0', eth0.address)])).toMatchObject({ came: [{ name: 'br0' }], went: [eth0] });
  });

  it('are followed by every listener, and nobody is troubled while nothing changes', async () => {
    const { following, look, told, logged } = await setup([]);
    await look();
    expect(told).toEqual([]);
    await look([eth0]);
    await look([eth0]);
    await look([eth0, eth1]);
    await look([later]);
    expect(told).toEqual([
      ...['tftp 10.0.0.1', 'dhcp 10.0.0.1', 'tftp 10.0.0.1 10.1.0.1', 'dhcp 10.0.0.1 10.1.0.1'],
      ...['tftp 10.0.0.9', 'dhcp 10.0.0.9'],
    ]);
    expect(following.served()).toEqual([later]);
    expect(logged).toEqual([
      'boards are served here from now on: 10.0.0.1',
      'boards are served here from now on: 10.1.0.1',
      'boards are no longer served here: 10.0.0.1',
      'boards are no longer served here: 10.1.0.1',
      'boards are served here from now on: 10.0.0.9',
    ]);
  });

  it('that cannot be served are tried again, and told once', async () => {
    const { look, told, logged, refuse } = await setup([eth0]);
    refuse.set(eth1.address, 'port 69 is held by dnsmasq');
    await look([eth0, eth1]);
    await look();
    await look();
    expect(logged).toEqual(['port 69 is held by dnsmasq: 10.1.0.1']);
    refuse.clear();
    await look();
    expect(logged.slice(1)).toEqual(['boards are served here from now on: 10.1.0.1']);
    const before = told.length;
    await look();
    expect(told.length).toBe(before);
  });

  it('are not looked at any more once it stopped', async () => {
    const { following, look, told } = await setup([eth0]);
    await following.stop();
    await look([eth1]);
    expect(told).toEqual([]);
  });
});
