import { describe, expect, it } from 'vitest';
import { dhcpCorpus, packet } from '../../test/support/corpus.js';
import { decodeDhcp, encodeDhcp, type DhcpMessage } from './codec.js';
import { option, readMessageType, readText } from './options.js';
import { proxyOffer, type ProxyPolicy } from './proxy.js';
import { recognise } from './recognise.js';
import { replyRoute } from './reply.js';

const server = '192.168.7.2';

function message(name: string): DhcpMessage {
  const decoded = decodeDhcp(packet(dhcpCorpus, name));
  if (!decoded.ok) throw new Error(decoded.error.message);
  return decoded.message;
}

function answer(name: string | DhcpMessage, policy: Partial<ProxyPolicy> = {}): DhcpMessage | string {
  const request = typeof name === 'string' ? message(name) : name;
  const reply = proxyOffer(request, recognise(request), { server, door: 'dhcp', boot: {}, ...policy });
  return reply.ok ? reply.reply : reply.why;
}

function reply(...parameters: Parameters<typeof answer>): DhcpMessage {
  const given = answer(...parameters);
  if (typeof given === 'string') throw new Error(given);
  return given;
}

const codes = (given: DhcpMessage): number[] => [...given.options.keys()].sort((a, b) => a - b);

describe('the OFFER a Raspberry Pi accepts', () => {
  it.each(['rom-3b-discover', 'bc-3bplus-discover', 'ee-pi4-discover', 'ee-pi5-discover'])('%s', (name) => {
    const offer = reply(name);
    expect(offer).toMatchObject({
      op: 'reply',
      xid: message(name).xid,
      flags: 0x8000,
      yiaddr: '0.0.0.0',
      siaddr: '0.0.0.0',
      ciaddr: '0.0.0.0',
      file: '',
    });
    expect(codes(offer)).toEqual([43, 53, 54, 60, 97]);
    expect(readText(offer.options, 60)).toBe('PXEClient');
    expect(Array.from(offer.options.get(54)!)).toEqual([192, 168, 7, 2]);
    expect(offer.options.get(97)).toEqual(message(name).options.get(97));
    expect(readMessageType(offer.options)).toBe('offer');
    expect(replyRoute(offer)).toEqual({ by: 'broadcast' });
  });

  it('has the 35-byte form of option 43, with the blanks the 3B’s ROM needs', () => {
    expect(Buffer.from(reply('ee-pi4-discover').options.get(43)!).toString('hex')).toBe(
      `060103${'0a0400505845'}${'0917000014'}${Buffer.from('Raspberry Pi Boot   ').toString('hex')}ff`,
    );
    expect(reply('ee-pi4-discover').options.get(43)).toHaveLength(35);
  });

  it('says the same as dnsmasq, but for those blanks', () => {
    const theirs = message('dnsmasq-proxy-offer-pi4');
    const ours = reply('udhcpc-like-pi4-discover', { server: '10.77.0.1' });
    const comparable = ({ options, ...header }: DhcpMessage) => ({ ...header, options: [...options.keys()].sort() });
    expect(comparable({ ...ours, xid: 0 })).toEqual(comparable({ ...theirs, xid: 0 }));
    for (const code of [53, 54, 60, 97]) expect(ours.options.get(code)).toEqual(theirs.options.get(code));
  });

  it('goes back through a relay with what the relay added', () => {
    const asked = message('ee-pi4-discover');
    const options = new Map([...asked.options, [option.relayAgent, Uint8Array.of(1, 2, 0, 7)]]);
    const offer = reply({ ...asked, giaddr: '10.1.0.1', options });
    expect(replyRoute(offer)).toEqual({ by: 'relay', address: '10.1.0.1' });
    const bytes = encodeDhcp(offer);
    expect(Buffer.from(bytes).includes(Buffer.from([82, 4, 1, 2, 0, 7, 255]))).toBe(true);
  });

  it('is not sent for a REQUEST, which is for the server that gave the address', () => {
    expect(answer('ee-pi4-request-without-class')).toMatch(/request/);
  });
});

describe('other boot clients that are devices', () => {
  const boot = { bootFile: 'efi/grub.efi' };

  it('tells UEFI at DISCOVER only that we are here, as dnsmasq does', () => {
    const offer = reply('edk2-discover', { boot, server: '10.77.0.1' });
    const theirs = message('dnsmasq-proxy-offer-edk2');
    expect(codes(offer)).toEqual(codes(theirs));
    expect(codes(offer)).toEqual([53, 54, 60, 97]);
    expect(offer).toMatchObject({ file: '', siaddr: theirs.siaddr, yiaddr: '0.0.0.0', flags: 0x8000 });
  });

  it('tells it file and server on port 4011', () => {
    const ack = reply('edk2-pxe-request', { boot, door: 'pxe', server: '10.77.0.1' });
    expect(readMessageType(ack.options)).toBe('ack');
    expect(ack).toMatchObject({ file: 'efi/grub.efi', siaddr: '10.77.0.1' });
    expect(readText(ack.options, option.bootFileName)).toBe('efi/grub.efi');
    expect(readText(ack.options, option.tftpServerName)).toBe('10.77.0.1');
    expect(readText(ack.options, option.vendorClass)).toBe('PXEClient');
  });

  it('answers an INFORM on port 4011 to the address it came from', () => {
    const asked = message('edk2-pxe-request');
    const options = new Map([...asked.options, [53, Uint8Array.of(8)]]);
    const ack = reply({ ...asked, ciaddr: '10.77.0.9', options }, { boot, door: 'pxe' });
    expect(ack).toMatchObject({ ciaddr: '10.77.0.9', flags: 0 });
    expect(replyRoute(ack)).toEqual({ by: 'unicast', address: '10.77.0.9' });
  });

  it.each(['ipxe-discover', 'uboot-discover'])('tells %s file and server at once', (name) => {
    const offer = reply(name, { boot: { ...boot, bootServer: '192.168.7.9' } });
    expect(offer).toMatchObject({ file: 'efi/grub.efi', siaddr: '192.168.7.9', yiaddr: '0.0.0.0' });
    expect(readText(offer.options, option.tftpServerName)).toBe('192.168.7.9');
    expect(readText(offer.options, option.bootFileName)).toBe('efi/grub.efi');
    expect(readText(offer.options, option.vendorClass)).toBe(name.startsWith('ipxe') ? 'PXEClient' : undefined);
  });

  it('puts a long file name into the option only', () => {
    const bootFile = 'a'.repeat(200);
    const offer = reply('ipxe-discover', { boot: { bootFile } });
    expect(offer.file).toBe('');
    expect(readText(offer.options, option.bootFileName)).toBe(bootFile);
  });

  it('says nothing without a boot file, or to what is no boot client', () => {
    expect(answer('edk2-discover')).toMatch(/boot file/);
    expect(answer('edk2-pxe-request', { door: 'pxe' })).toMatch(/boot file/);
    expect(answer('udhcpc-discover', { boot })).toMatch(/not a boot client/);
  });
});
