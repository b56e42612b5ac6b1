import { describe, expect, it } from 'vitest';
import { clientMessage, type Said } from '../../test/support/dhcp-client.js';
import { dhcpCorpus, packet } from '../../test/support/corpus.js';
import { decodeDhcp, type DhcpMessage } from './codec.js';
import { answerLease, type LeaseAnswer, type LeaseRequest } from './full.js';
import { checkLeaseSettings, type LeaseSettings, type LeaseTable } from './lease-table.js';
import { option, readAddress, readMessageType, readText, readU32 } from './options.js';
import { recognise } from './recognise.js';
import { replyRoute } from './reply.js';

const server = '10.0.0.1';
const fixedMac = '02:00:00:00:00:0f';
const settings: LeaseSettings = {
  server,
  subnetMask: '255.255.255.0',
  poolFirst: '10.0.0.10',
  poolLast: '10.0.0.12',
  router: '10.0.0.254',
  dns: ['10.0.0.53', '10.0.0.54'],
  domain: 'lab',
  leaseSeconds: 3600,
  offerSeconds: 60,
  declineSeconds: 600,
  fixed: new Map([[fixedMac, '10.0.0.200']]),
  authoritative: false,
};

/** A server with its table and a clock; `say` is one message and its answer. */
function running(change: Partial<LeaseSettings> = {}) {
  const state: { table: LeaseTable; now: number } = { table: new Map(), now: 1_700_000_000 };
  const run = (message: DhcpMessage, boot?: LeaseRequest['boot']): LeaseAnswer => {
    const client = recognise(message);
    const all = { message, client, settings: { ...settings, ...change }, table: state.table, now: state.now };
    const answer = answerLease({ ...all, ...(boot ? { boot } : {}) });
    state.table = answer.table;
    return answer;
  };
  return { state, run, say: (said: Said) => run(clientMessage(said)) };
}

const a = '02:00:00:00:00:0a';
const b = '02:00:00:00:00:0b';
const typeOf = (answer: LeaseAnswer) => answer.reply && readMessageType(answer.reply.options);

/** DISCOVER and REQUEST of a client that takes what it is offered. */
function obtain({ say }: ReturnType<typeof running>, mac: string): string {
  const offered = say({ type: 'discover', mac }).reply!.yiaddr;
  expect(typeOf(say({ type: 'request', mac, requested: offered, server }))).toBe('ack');
  return offered;
}

describe('getting an address', () => {
  it('offers, holds and binds it, with all the segment needs', () => {
    const net = running();
    const offer = net.say({ type: 'discover', mac: a });
    expect(offer.reply).toMatchObject({ yiaddr: '10.0.0.10', siaddr: '0.0.0.0' });
    expect(offer.changed).toMatchObject([{ address: '10.0.0.10', mac: a, state: 'offered' }]);
    const { reply, changed } = net.say({ type: 'request', mac: a, requested: '10.0.0.10', server });
    const options = reply!.options;
    expect(readMessageType(options)).toBe('ack');
    expect(readU32(options, option.leaseTime)).toBe(3600);
    expect(readU32(options, option.renewalTime)).toBe(1800);
    expect(readU32(options, option.rebindingTime)).toBe(3150);
    expect(readAddress(options, option.subnetMask)).toBe('255.255.255.0');
    expect(readAddress(options, option.broadcastAddress)).toBe('10.0.0.255');
    expect(readAddress(options, option.router)).toBe('10.0.0.254');
    expect(Array.from(options.get(option.dns)!)).toEqual([10, 0, 0, 53, 10, 0, 0, 54]);
    expect(readText(options, option.domain)).toBe('lab');
    expect(readAddress(options, option.serverIdentifier)).toBe(server);
    expect(changed).toEqual([{ address: '10.0.0.10', mac: a, state: 'bound', expiresAt: net.state.now + 3600 }]);
  });

  it('gives a client its fixed address, and that address to nobody else', () => {
    const net = running();
    expect(obtain(net, fixedMac)).toBe('10.0.0.200');
    const stolen = net.say({ type: 'request', mac: a, requested: '10.0.0.200', server });
    expect(typeOf(stolen)).toBe('nak');
  });

  it('moves a client to an address that was fixed for it later', () => {
    const before = running();
    expect(obtain(before, a)).toBe('10.0.0.10');
    const after = running({ fixed: new Map([[a, '10.0.0.99']]) });
    after.state.table = before.state.table;
    expect(typeOf(after.say({ type: 'request', mac: a, ciaddr: '10.0.0.10' }))).toBe('nak');
    expect(obtain(after, a)).toBe('10.0.0.99');
    expect(after.state.table.get('10.0.0.10')).toMatchObject({ state: 'released' });
  });

  it('gives the address that is asked for when it is free, and the same one again later', () => {
    const net = running();
    expect(net.say({ type: 'discover', mac: a, requested: '10.0.0.12' }).reply!.yiaddr).toBe('10.0.0.12');
    net.say({ type: 'request', mac: a, requested: '10.0.0.12', server });
    net.state.now += 100_000;
    expect(net.say({ type: 'discover', mac: b, requested: '10.0.0.1' }).reply!.yiaddr).toBe('10.0.0.10');
    expect(net.say({ type: 'discover', mac: a }).reply!.yiaddr).toBe('10.0.0.12');
  });

  it('is silent when the pool is empty, and uses the longest expired address again', () => {
    const net = running();
    for (const mac of ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03']) {
      obtain(net, mac);
      net.state.now += 1;
    }
    const refused = net.say({ type: 'discover', mac: a });
    expect(refused.reply).toBeUndefined();
    expect(refused.why).toMatch(/no address is left/);
    net.state.now += 3600;
    expect(net.say({ type: 'discover', mac: a }).reply!.yiaddr).toBe('10.0.0.10');
  });

  it('does not cut a running lease short when its owner asks again', () => {
    const net = running();
    obtain(net, a);
    expect(net.say({ type: 'discover', mac: a }).changed).toEqual([]);
    expect(net.state.table.get('10.0.0.10')).toMatchObject({ state: 'bound' });
  });

  it('frees an offer when the client takes another server’s', () => {
    const net = running();
    net.say({ type: 'discover', mac: a });
    const taken = net.say({ type: 'request', mac: a, requested: '10.0.0.77', server: '10.0.0.2' });
    expect(taken.reply).toBeUndefined();
    expect(net.say({ type: 'discover', mac: b, requested: '10.0.0.10' }).reply!.yiaddr).toBe('10.0.0.10');
  });

  it('gives one address to a board whose firmware and system use different identifiers', () => {
    const net = running();
    const firmware = obtain(net, a);
    const clientId = [[option.clientIdentifier, Uint8Array.of(255, 1, 2, 3)]] as const;
    const system = net.say({ type: 'discover', mac: a, options: clientId });
    expect(system.reply!.yiaddr).toBe(firmware);
    expect(system.reply!.options.get(option.clientIdentifier)).toEqual(Uint8Array.of(255, 1, 2, 3));
  });
});

describe('keeping an address', () => {
  it('renews by unicast and rebinds', () => {
    const net = running();
    obtain(net, a);
    net.state.now += 1800;
    const renewed = net.say({ type: 'request', mac: a, ciaddr: '10.0.0.10' });
    expect(typeOf(renewed)).toBe('ack');
    expect(replyRoute(renewed.reply!)).toEqual({ by: 'unicast', address: '10.0.0.10' });
    expect(net.state.table.get('10.0.0.10')!.expiresAt).toBe(net.state.now + 3600);
  });

  it('knows a client that was rebooted (INIT-REBOOT)', () => {
    const net = running();
    obtain(net, a);
    expect(typeOf(net.say({ type: 'request', mac: a, requested: '10.0.0.10' }))).toBe('ack');
    const wrong = net.say({ type: 'request', mac: a, requested: '10.0.0.11' });
    expect(typeOf(wrong)).toBe('nak');
    expect(replyRoute(wrong.reply!)).toEqual({ by: 'broadcast' });
    expect(typeOf(net.say({ type: 'request', mac: a, requested: '192.168.1.5' }))).toBe('nak');
  });

  it('is silent about addresses it knows nothing of, unless it is the only server', () => {
    const asked: Said = { type: 'request', mac: a, requested: '10.0.0.11' };
    expect(running().say(asked).reply).toBeUndefined();
    expect(typeOf(running({ authoritative: true }).say(asked))).toBe('ack');
    expect(typeOf(running({ authoritative: true }).say({ ...asked, requested: '10.0.0.77' }))).toBe('nak');
  });

  it('refuses an address that someone else has', () => {
    const net = running();
    obtain(net, a);
    expect(typeOf(net.say({ type: 'request', mac: b, requested: '10.0.0.10', server }))).toBe('nak');
  });
});

describe('giving an address back', () => {
  it('frees it on RELEASE, of its owner only', () => {
    const net = running();
    obtain(net, a);
    expect(net.say({ type: 'release', mac: b, ciaddr: '10.0.0.10', server }).changed).toEqual([]);
    expect(net.say({ type: 'release', mac: a, ciaddr: '10.0.0.10', server }).changed).toMatchObject([
      { state: 'released' },
    ]);
    expect(net.say({ type: 'discover', mac: b, requested: '10.0.0.10' }).reply!.yiaddr).toBe('10.0.0.10');
  });

  it('leaves a declined address alone for a while', () => {
    const net = running();
    net.say({ type: 'discover', mac: a });
    expect(net.say({ type: 'decline', mac: b, requested: '10.0.0.10', server }).changed).toEqual([]);
    net.say({ type: 'decline', mac: a, requested: '10.0.0.10', server });
    expect(net.say({ type: 'discover', mac: a }).reply!.yiaddr).toBe('10.0.0.11');
    net.state.now += 601;
    expect(net.say({ type: 'discover', mac: b, requested: '10.0.0.10' }).reply!.yiaddr).toBe('10.0.0.10');
  });

  it('informs without address or lease time', () => {
    const informed = running().say({ type: 'inform', mac: a, ciaddr: '10.0.0.77' });
    expect(informed.reply).toMatchObject({ yiaddr: '0.0.0.0', ciaddr: '10.0.0.77' });
    expect(informed.reply!.options.has(option.leaseTime)).toBe(false);
    expect(readAddress(informed.reply!.options, option.router)).toBe('10.0.0.254');
  });
});

describe('boot clients on a segment of ours', () => {
  const fromCorpus = (name: string): DhcpMessage => {
    const decoded = decodeDhcp(packet(dhcpCorpus, name));
    if (!decoded.ok) throw new Error(decoded.error.message);
    return decoded.message;
  };

  it('binds at once what a ROM or bootcode.bin takes without REQUEST', () => {
    for (const name of ['rom-3b-discover', 'bc-3bplus-discover']) {
      expect(running().run(fromCorpus(name), {}).changed).toMatchObject([{ state: 'bound' }]);
    }
  });

  it('adds the PXE menu for a Raspberry Pi, siaddr and option 54 being us', () => {
    const { reply } = running().run(fromCorpus('ee-pi4-discover'), {});
    expect(reply).toMatchObject({ siaddr: server, yiaddr: '10.0.0.10' });
    expect(reply!.options.get(option.vendorSpecific)).toHaveLength(35);
    expect(readText(reply!.options, option.vendorClass)).toBe('PXEClient');
  });

  it('adds file and server for others, and nothing for a board that is not ours', () => {
    const { reply } = running().run(fromCorpus('edk2-discover'), { bootFile: 'grub.efi' });
    expect(reply).toMatchObject({ siaddr: server, file: 'grub.efi', yiaddr: '10.0.0.10' });
    const stranger = running().run(fromCorpus('ee-pi4-discover'));
    expect(stranger.reply!.options.has(option.vendorSpecific)).toBe(false);
  });
});

describe('settings', () => {
  it.each([
    [{ poolFirst: '10.0.1.1' }, /not in the network/],
    [{ poolFirst: '10.0.0.50' }, /first is above last/],
    [{ subnetMask: '255.0.255.0' }, /no netmask/],
    [{ server: 'router' }, /no IPv4/],
    [{ dns: ['1.2.3'] }, /dns/],
    [{ leaseSeconds: 5 }, /less than a minute/],
    [{ fixed: new Map([[a, '10.9.0.1']]) }, /not in the network/],
  ])('%o cannot work', (change, problem) => {
    expect(checkLeaseSettings({ ...settings, ...change }).join()).toMatch(problem);
  });

  it('of this test can', () => {
    expect(checkLeaseSettings(settings)).toEqual([]);
  });
});
