import { once } from 'node:events';
import { hardwareAddress, option, readMessageType, readText, type DhcpMessage } from '@drover/protocols/dhcp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { dhcpLab, routerAddress, serverAddress, type DhcpLab } from './dhcp-lab.js';

let lab: DhcpLab;
beforeAll(async () => {
  lab = await dhcpLab();
});
afterEach(() => lab.endAll());
afterAll(() => lab.close());

const noDelay = { delaysMs: {} };
const proxy = { settings: { interfaces: ['br0'], ...noDelay }, bootFile: 'grub.efi' };

describe('our proxy OFFER beside dnsmasq’s', () => {
  const boards = ['rom-3b-discover', 'bc-3bplus-discover', 'ee-pi4-discover', 'ee-pi5-discover'];
  const asked = [...boards, 'edk2-discover', `${serverAddress} edk2-pxe-request`];
  const answers = { dnsmasq: new Map<string, DhcpMessage>(), drover: new Map<string, DhcpMessage>() };
  const keyOf = (message: DhcpMessage): string => `${hardwareAddress(message)} ${readMessageType(message.options)}`;

  beforeAll(async () => {
    const theirs = await lab.dnsmasq(
      'server',
      '--interface=br0',
      '--bind-dynamic',
      '--dhcp-range=10.77.0.0,proxy',
      '--pxe-service=0,Raspberry Pi Boot',
      '--pxe-service=ARM64_EFI,boot,grub.efi',
      '--enable-tftp',
      '--tftp-root=/nonexistent',
      '--tftp-no-fail',
    );
    for (const { message } of await lab.ask(1500, ...asked)) answers.dnsmasq.set(keyOf(message), message);
    await theirs.end();
    const ours = await lab.drover(proxy);
    for (const { message } of await lab.ask(1500, ...asked)) answers.drover.set(keyOf(message), message);
    await ours.end();
  });

  it('answers the same clients', () => {
    const macs = ['b8:27:eb:12:34:56', 'b8:27:eb:cd:f0:3d', 'e4:5f:01:09:02:f7', '2c:cf:67:a1:b2:c3'];
    const expected = [...macs.map((mac) => `${mac} offer`), '52:54:00:00:00:02 ack', '52:54:00:00:00:02 offer'].sort();
    expect([...answers.dnsmasq.keys()].sort()).toEqual(expected);
    expect([...answers.drover.keys()].sort()).toEqual(expected);
  });

  it('has the same header, and the same options with the same values but for three trailing blanks', () => {
    const withoutBlanks = (value: Uint8Array): string =>
      Buffer.from(value)
        .toString('hex')
        .replace(/^(060103)(.*)0917000014(.*)202020ff$/, '$1$20914000011$3ff');
    const optionsOf = (message: DhcpMessage): Record<number, string> =>
      Object.fromEntries([...message.options].map(([code, value]) => [code, withoutBlanks(value)]));
    for (const [key, theirs] of answers.dnsmasq) {
      const ours = answers.drover.get(key)!;
      const { options: _ours, ...header } = ours;
      const { options: _theirs, ...theirHeader } = theirs;
      expect(header, key).toEqual(theirHeader);
      const more = key.endsWith('ack') ? { 66: expect.any(String) as string, 67: expect.any(String) as string } : {};
      expect(optionsOf(ours), key).toEqual({ ...optionsOf(theirs), ...more });
    }
  });

  it('tells UEFI its file on port 4011 also as options', () => {
    const ack = answers.drover.get('52:54:00:00:00:02 ack')!;
    expect(ack).toMatchObject({ file: 'grub.efi', siaddr: serverAddress });
    expect(readText(ack.options, option.bootFileName)).toBe('grub.efi');
    expect(readText(ack.options, option.tftpServerName)).toBe(serverAddress);
  });
});

describe('beside a DHCP server on the same host', () => {
  it('answers boards, and leaves leases and their renewal by unicast to that server', async () => {
    const theirs = await lab.dnsmasq(
      'server',
      '--interface=br0',
      '--bind-dynamic',
      '--dhcp-range=10.77.0.100,10.77.0.150,1h',
      '--dhcp-authoritative',
    );
    const ours = await lab.drover(proxy);
    const client = lab.udhcpc();
    await client.says(/bound 10\.77\.0\.1\d\d/);
    client.child.kill('SIGUSR1');
    await client.says(/renew 10\.77\.0\.1\d\d/);
    // DISCOVER, REQUEST, and the REQUEST of the renewal, all acknowledged by dnsmasq. A client that is kept waiting asks again.
    await eventually(() => expect(theirs.output().match(/DHCPACK\(br0\)/g)?.length).toBeGreaterThanOrEqual(2));
    const seen = ours.events.filter((event) => event.kind === 'request').map(({ observation }) => observation.type);
    expect([...new Set(seen)]).toEqual(['discover', 'request']);
    expect(ours.events.filter((event) => event.kind === 'answer')).toEqual([]);

    const answers = await lab.ask(1000, 'ee-pi4-discover');
    const kinds = answers.map(({ message }) => (message.options.has(option.vendorSpecific) ? 'menu' : message.yiaddr));
    expect(kinds).toContain('menu');
    expect(ours.events).toContainEqual(
      expect.objectContaining({ kind: 'answer', type: 'offer', server: serverAddress, door: 'dhcp' }),
    );
  });

  it('says which server has to share the port when it does not', async () => {
    await lab.dnsmasq('server', '--dhcp-range=10.77.0.100,10.77.0.150,1h');
    const ours = await lab.drover(proxy);
    const said = await ours.says(/"failed"/);
    expect(said).toMatch(/port 67\/udp: it is held by dnsmasq \(pid \d+\).*bind-dynamic/);
  });
});

describe('another server on the segment', () => {
  it.each([
    ['that sends boards elsewhere is named, with the options at fault', ['--dhcp-option=66,10.77.0.9'], [66]],
    ['that only gives addresses is told without reproach', [], []],
  ])('%s', async (_what, extra, options) => {
    await lab.dnsmasq('router', '--dhcp-range=10.77.0.100,10.77.0.150,1h', ...extra);
    const ours = await lab.drover(proxy);
    const client = lab.udhcpc('-B', '-n', '-q', '-O', '66');
    await client.says(/bound/);
    await eventually(() => {
      expect(ours.events).toContainEqual(
        expect.objectContaining({
          kind: 'other-server',
          type: 'offer',
          server: routerAddress,
          conflicts: options.length > 0,
          options,
        }),
      );
    });
  });
});

describe('full mode on a segment of its own', () => {
  const full = {
    settings: { interfaces: ['br0'], mode: 'full' as const, ...noDelay },
    bootFile: 'grub.efi',
    pool: {
      subnetMask: '255.255.255.0',
      poolFirst: '10.77.0.20',
      poolLast: '10.77.0.29',
      router: serverAddress,
      dns: ['10.77.0.53'],
      domain: 'lab.example',
      leaseSeconds: 600,
      offerSeconds: 60,
      declineSeconds: 600,
      fixed: {},
      authoritative: true,
    },
  };

  it('gives, renews and takes back addresses of busybox udhcpc', async () => {
    const ours = await lab.drover(full);
    const client = lab.udhcpc('-O', 'domain');
    const bound = await client.says(/bound/);
    expect(bound).toMatch(/bound 10\.77\.0\.20 router=10\.77\.0\.1 dns=10\.77\.0\.53 domain=lab\.example lease=600/);
    client.child.kill('SIGUSR1');
    await client.says(/renew 10\.77\.0\.20/);
    client.child.kill('SIGUSR2');
    await eventually(() => {
      const states = ours.leases.map(({ address, state }) => `${address} ${state}`);
      // A client on a busy machine may ask twice.
      expect(states.filter((state, i) => i < 2 || state !== states[i - 1])).toEqual([
        '10.77.0.20 offered',
        '10.77.0.20 bound',
        '10.77.0.20 released',
      ]);
    });
  });

  it('gives boards an address together with what they boot from', async () => {
    const ours = await lab.drover(full);
    const answers = await lab.ask(1000, 'ee-pi4-discover', 'edk2-discover', 'udhcpc-discover');
    const byMac = Object.fromEntries(answers.map(({ message }) => [hardwareAddress(message), message]));
    expect(byMac['e4:5f:01:09:02:f7']).toMatchObject({ siaddr: serverAddress });
    expect(byMac['e4:5f:01:09:02:f7']!.options.get(option.vendorSpecific)).toHaveLength(35);
    expect(byMac['52:54:00:00:00:02']).toMatchObject({ siaddr: serverAddress, file: 'grub.efi' });
    expect(new Set(answers.map(({ message }) => message.yiaddr)).size).toBe(3);
    await ours.end();
  });
});

describe('interfaces that come and go', () => {
  /** UDP sockets of the server, by address and port, with their inodes. */
  const sockets = async (): Promise<Map<string, string>> => {
    const listing = lab.start('server', 'ss', ['-H', '-aune']);
    await once(listing.child, 'close');
    const found = listing.output().matchAll(/(\S+:\d+) +\S+:(?:\*|\d+) .*?ino:(\d+)/g);
    return new Map([...found].map(([, name = '', inode = '']) => [name, inode]));
  };
  const offers = async (): Promise<string[]> =>
    (await lab.ask(1000, 'ee-pi4-discover'))
      .filter(({ message }) => message.options.has(option.vendorSpecific))
      .map(({ from }) => from);
  const moved = '10.77.0.9';

  it('are answered from the address they have, and those that stay are left alone', async () => {
    const ours = await lab.drover({ ...proxy, follow: true });
    const before = await sockets();
    await lab.ip('server', 'link', 'add', 'late', 'type', 'veth', 'peer', 'name', 'late-end');
    for (const name of ['late', 'late-end']) await lab.ip('server', 'link', 'set', name, 'up');
    await lab.ip('server', 'addr', 'add', '10.78.0.1/24', 'dev', 'late');
    await ours.says(/"late","address":"10\.78\.0\.1"\},"message":"boards are served here/);
    const with2 = await sockets();
    expect([...with2.keys()]).toEqual(expect.arrayContaining(['10.78.0.1:67', '10.78.0.1:4011']));
    for (const [name, inode] of before) expect([name, with2.get(name)]).toEqual([name, inode]);
    expect(await offers()).toEqual([serverAddress]);

    await lab.ip('server', 'addr', 'del', `${serverAddress}/24`, 'dev', 'br0');
    await lab.ip('server', 'addr', 'add', `${moved}/24`, 'dev', 'br0');
    await ours.says(/"address":"10\.77\.0\.9"\},"message":"boards are served here/);
    expect(await offers()).toEqual([moved]);

    await lab.ip('server', 'link', 'del', 'late');
    await ours.says(/"10\.78\.0\.1"\},"message":"boards are no longer/);
    const without = await sockets();
    expect([...without.keys()].filter((name) => name.startsWith('10.78.') || name.startsWith(serverAddress))).toEqual(
      [],
    );
    expect(without.get(`${moved}:4011`)).toBeDefined();
    expect(without.get('255.255.255.255:67')).toBe(before.get('255.255.255.255:67'));

    await lab.ip('server', 'addr', 'del', `${moved}/24`, 'dev', 'br0');
    await lab.ip('server', 'addr', 'add', `${serverAddress}/24`, 'dev', 'br0');
    await ours.says(/no longer[^]*"10\.77\.0\.1"\},"message":"boards are served here/);
    expect(await offers()).toEqual([serverAddress]);
    await ours.end();
  });
});
