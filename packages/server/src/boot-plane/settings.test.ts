import { describe, expect, it } from 'vitest';
import { SettingsSchema } from '../config/schema.js';
import { bootUrl, dhcpSettings, presentAddresses, servedAddresses, tftpSettings } from './settings.js';

const at = (address: string, internal = false) => ({
  address,
  netmask: '255.255.255.0',
  family: 'IPv4' as const,
  mac: '',
  internal,
  cidr: null,
});
const machine = {
  lo: [at('127.0.0.1', true)],
  eth0: [at('192.168.1.2'), at('192.168.1.3')],
  eth1: [at('10.0.0.1')],
};
const boot = (text: object) => SettingsSchema.parse({ boot: text }).boot;

describe('the interfaces boards are on', () => {
  it('are all that are up, with one address each, or those that are named', () => {
    expect(servedAddresses('auto', machine).map(({ name, address }) => `${name} ${address}`)).toEqual([
      'eth0 192.168.1.2',
      'eth1 10.0.0.1',
    ]);
    expect(servedAddresses(['eth1', '192.168.1.3'], machine).map(({ address }) => address)).toEqual([
      '10.0.0.1',
      '192.168.1.3',
    ]);
    expect(servedAddresses(['127.0.0.7'], machine)).toEqual([
      { name: 'lo', address: '127.0.0.7', netmask: '255.0.0.0' },
    ]);
    expect(servedAddresses('auto', { lo: machine.lo })).toEqual([]);
  });

  it('that are not there later are left out, and the address an interface has then is taken', () => {
    expect(presentAddresses(['eth7', 'eth1'], machine).map(({ address }) => address)).toEqual(['10.0.0.1']);
    expect(presentAddresses(['eth1', '192.168.1.3'], { eth1: [at('10.0.0.8')] })).toEqual([
      { name: 'eth1', address: '10.0.0.8', netmask: '255.255.255.0' },
    ]);
  });

  it('are named with what there is when one is wrong', () => {
    expect(() => servedAddresses(['eth7'], machine)).toThrow(/boot\.interfaces: eth7 .* eth1 \(10\.0\.0\.1\)/);
  });
});

describe('where boards reach the boot plane', () => {
  const url = (text: object, reached?: string) => bootUrl(boot(text), machine, reached);

  it('is the address of the settings, else the one that is bound, else that a board reached, else the first', () => {
    const anywhere = { http: { listen: ['0.0.0.0:8081'] } };
    expect(url({ ...anywhere, serverAddress: '10.9.9.9' }, '10.0.0.1')).toBe('http://10.9.9.9:8081');
    expect(url({ http: { listen: ['10.0.0.1:8081'] } }, '192.168.1.2')).toBe('http://10.0.0.1:8081');
    expect(url(anywhere, '10.0.0.1')).toBe('http://10.0.0.1:8081');
    expect(url(anywhere, 'fe80::1')).toBe('http://192.168.1.2:8081');
    expect(url(anywhere)).toBe('http://192.168.1.2:8081');
  });
});

describe('settings of the listeners', () => {
  const served = servedAddresses(['eth1'], machine);

  it('take delays by kind of board, and leave U-Boot the address first', () => {
    const settings = dhcpSettings(boot({ dhcp: { delays: { rom: 2000, other: 100 } } }), served);
    expect(settings.delaysMs).toMatchObject({ rom: 2000, bc: 0, ee: 0, edk2: 100, uboot: 1000 });
    expect(settings).toMatchObject({ mode: 'proxy', interfaces: ['10.0.0.1'], relay: 'off' });
    expect(settings.pool).toBeUndefined();
  });

  it('of full mode need a pool and one interface', () => {
    const pool = { start: '10.0.0.100', end: '10.0.0.200' };
    const full = boot({ dhcp: { mode: 'full', pool, static: [{ mac: 'dc:a6:32:01:02:03', address: '10.0.0.50' }] } });
    expect(dhcpSettings(full, served).pool).toMatchObject({
      subnetMask: '255.255.255.0',
      poolFirst: '10.0.0.100',
      leaseSeconds: 3600,
    });
    expect(dhcpSettings(full, served).pool?.fixed.get('dc:a6:32:01:02:03')).toBe('10.0.0.50');
    expect(() => dhcpSettings(boot({ dhcp: { mode: 'full' } }), served)).toThrow('boot.dhcp.pool');
    expect(() => dhcpSettings(full, [])).toThrow('boot.interfaces');
  });

  it('cap the block size', () => {
    expect(tftpSettings(boot({ tftp: { maxBlockSize: 1024 } }), served).limits.blksize).toBe(1024);
  });
});
