import type { Lease } from '@drover/protocols/dhcp';
import { describe, expect, it } from 'vitest';
import { createLeaseServer } from './lease-server.js';
import { defaultDhcpSettings } from './settings.js';
import type { DhcpPoolSettings } from './types.js';

const pool: DhcpPoolSettings = {
  subnetMask: '255.255.255.0',
  poolFirst: '10.0.0.10',
  poolLast: '10.0.0.20',
  dns: [],
  leaseSeconds: 3600,
  offerSeconds: 60,
  declineSeconds: 600,
  fixed: new Map(),
  authoritative: true,
};
const settings = { ...defaultDhcpSettings, mode: 'full' as const, interfaces: ['eth0'], pool };
const leases = { load: async (): Promise<Lease[]> => [], save: async () => undefined };
const eth0 = { name: 'eth0', address: '10.0.0.1' };
const epochSeconds = () => 0;

describe('full mode refuses to start', () => {
  it('on two interfaces, which it could not tell apart', async () => {
    const two = [eth0, { name: 'eth1', address: '10.1.0.1' }];
    await expect(createLeaseServer({ settings, leases, epochSeconds }, two)).rejects.toThrow(/exactly one interface/);
  });

  it('without a pool or a place for leases', async () => {
    await expect(createLeaseServer({ settings, epochSeconds }, [eth0])).rejects.toThrow(/place for leases/);
    const { pool: _, ...bare } = settings;
    await expect(createLeaseServer({ settings: bare, leases, epochSeconds }, [eth0])).rejects.toThrow(/dhcp.pool/);
  });

  it('with a pool of another network, naming it', async () => {
    const elsewhere = [{ name: 'eth0', address: '192.168.1.1' }];
    await expect(createLeaseServer({ settings, leases, epochSeconds }, elsewhere)).rejects.toThrow(
      /dhcp.pool cannot work on eth0: pool: not in the network of 192.168.1.1/,
    );
  });
});
