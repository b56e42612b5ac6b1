import { describe, expect, it } from 'vitest';
import { createDhcpService } from './dhcp-service.js';
import type { ServedAddress } from './settings.js';

const eth0: ServedAddress = { name: 'eth0', address: '10.0.0.1', netmask: '255.255.255.0' };
const eth1: ServedAddress = { name: 'eth1', address: '10.1.0.1', netmask: '255.255.255.0' };
const signal = new AbortController().signal;

function setup(mode: 'proxy' | 'full', first: ServedAddress[], failures: string[] = []) {
  const did: string[] = [];
  const names = (served: readonly { name: string }[]) => served.map(({ name }) => name).join(' ');
  const service = createDhcpService({
    ...{ mode, first },
    create: (served) => ({
      start: async () => {
        const failure = failures.shift();
        if (failure !== undefined) throw new Error(failure);
        did.push(`start ${names(served)}`);
      },
      serve: async (interfaces) => {
        did.push(`serve ${names(interfaces)}`);
        return [];
      },
      stop: async () => void did.push('stop'),
      addresses: () => [],
    }),
  });
  return { service, did };
}

describe('the DHCP listener over its interfaces’ coming and going', () => {
  it('beside another server it follows from the start', async () => {
    const { service, did } = setup('proxy', []);
    await service.start(signal);
    await service.serve([eth0]);
    await service.stop();
    expect(did).toEqual(['start ', 'serve eth0', 'stop']);
  });

  it('as the only server it begins with the first interface that is there', async () => {
    const { service, did } = setup('full', []);
    await service.start(signal);
    await service.serve([]);
    expect(did).toEqual([]);
    await service.serve([eth0]);
    expect(did).toEqual(['start eth0']);
  });

  it('tries again after a start that failed', async () => {
    const { service, did } = setup('full', [], ['the pool is not on eth1']);
    await service.start(signal);
    await expect(service.serve([eth1])).rejects.toThrow('the pool');
    await service.serve([eth0]);
    expect(did).toEqual(['start eth0']);
  });

  it('does not begin before the server, and stops without having begun', async () => {
    const { service, did } = setup('full', []);
    await service.serve([eth0]);
    await service.stop();
    expect(did).toEqual([]);
  });
});
