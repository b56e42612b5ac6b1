import { describe, expect, it } from 'vitest';
import { clientGuid, discoverPacket, requestPacket, romTransactionId } from './dhcp-packets.js';
import { createIdentity } from './identity.js';
import { defaultEeprom, defaultQuirks, eepromWith } from './settings.js';

const hex = (text: string): string => text.replace(/\s/g, '');
const board = (model: '3b' | '3b+' | '4b' | '5', serial: string, mac?: string) => ({
  identity: createIdentity({ model, serial, ...(mac === undefined ? {} : { mac }) }),
  eeprom: defaultEeprom,
  quirks: defaultQuirks,
});
const standing = { broadcastFlag: false };

describe('DISCOVER of a 3B', () => {
  it('is the captured packet, byte for byte', () => {
    // Vendor page boot-net, capture of b8:27:eb:28:f6:6d: 320 bytes, flags none, options 53 55 93 94 97 60 255 in this order.
    const packet = discoverPacket('rom', board('3b', '0000000000 28f66d'.replace(' ', '')), romTransactionId, standing);
    const expected = hex(`
      01 01 06 00  26 f3 03 39  00 00 00 00  00000000 00000000 00000000 00000000
      b8 27 eb 28 f6 6d 00000000000000000000
      ${'00'.repeat(192)}
      63 82 53 63
      35 01 01
      37 0c 2b 3c 43 80 81 82 83 84 85 86 87 42
      5d 02 00 00
      5e 03 01 02 01
      61 11 00 ${'44'.repeat(16)}
      3c 20 50 58 45 43 6c 69 65 6e 74 3a 41 72 63 68 3a 30 30 30 30 30 3a 55 4e 44 49 3a 30 30 32 30 30 31
      ff`);
    expect(packet.toString('hex')).toBe(expected);
    expect(packet.length).toBe(320);
  });
});

describe('DISCOVER of later clients', () => {
  it('asks for fourteen options', () => {
    const packet = discoverPacket('ee', board('4b', '91cdf03d', 'e4:5f:01:09:02:f7'), 1, standing).toString('hex');
    expect(packet).toContain(
      hex('35 01 01 37 0e 01 03 2b 3c 42 43 80 81 82 83 84 85 86 87 5d 02 00 00 5e 03 01 02 01 61 11 00'),
    );
    expect(packet.length / 2).toBe(322);
  });

  it('carries the relay it stands behind, and the broadcast flag when it must', () => {
    const packet = discoverPacket('bc', board('3b+', '00abcdef'), 0x01020304, {
      broadcastFlag: true,
      relay: '127.16.0.9',
    });
    expect(packet[3]).toBe(1);
    expect(packet.subarray(4, 8).toString('hex')).toBe('01020304');
    expect(packet.subarray(10, 12).toString('hex')).toBe('8000');
    expect(packet.subarray(24, 28).toString('hex')).toBe('7f100009');
  });
});

describe('option 97', () => {
  const captured = board('4b', '1000000091cdf03d', 'e4:5f:01:09:02:f7');

  it('is the captured example of a Pi 4, revision d03114', () => {
    expect(clientGuid('ee', captured).toString('hex')).toBe(hex('00 34 69 50 52 14 31 d0 00 01 09 02 f7 3d f0 cd 91'));
  });

  it.each([
    [
      'plain FourCC',
      { quirks: { ...defaultQuirks, fourccOrder: 'plain' as const } },
      '00 52 50 69 34 14 31 d0 00 01 09 02 f7 3d f0 cd 91',
    ],
    [
      'DHCP_OPTION97=0',
      { eeprom: eepromWith({ DHCP_OPTION97: 0 }) },
      '00 3d f0 cd 91 3d f0 cd 91 3d f0 cd 91 3d f0 cd 91',
    ],
    [
      'custom prefix',
      { eeprom: eepromWith({ DHCP_OPTION97: 0x41424344 }) },
      '00 41 42 43 44 14 31 d0 00 01 09 02 f7 3d f0 cd 91',
    ],
  ])('of a Pi 4 with %s', (_name, changes, expected) => {
    expect(clientGuid('ee', { ...captured, ...changes }).toString('hex')).toBe(hex(expected));
  });

  it('of a Pi 5 starts with its own FourCC', () => {
    const five = board('5', 'aaaabbbb11223344', '2c:cf:67:01:02:03');
    expect(clientGuid('ee', five).toString('hex')).toBe(hex('00 35 69 50 52 70 41 d0 00 67 01 02 03 44 33 22 11'));
  });

  it('of bootcode.bin and the corrected ROM is the serial number four times, as dnsmasq logged it', () => {
    const plus = board('3b+', 'b66c4c16');
    for (const kind of ['bc', 'rom-fixed'] as const) {
      expect(clientGuid(kind, plus).toString('hex')).toBe('00' + '164c6cb6'.repeat(4));
    }
  });
});

describe('REQUEST', () => {
  const lease = { address: '10.0.0.7', server: '10.0.0.1' };

  it('names address and server before the options of the DISCOVER', () => {
    const packet = requestPacket(board('4b', '91cdf03d'), 7, standing, lease).toString('hex');
    expect(packet).toContain(hex('63825363 350103 3204 0a000007 3604 0a000001 370e'));
    expect(packet).toContain(hex('3c20 505845436c69656e74'));
  });

  it('lacks option 60 on early Pi 4 firmware', () => {
    const early = { ...board('4b', '91cdf03d'), quirks: { ...defaultQuirks, requestWithoutVendorClass: true } };
    expect(requestPacket(early, 7, standing, lease).toString('latin1')).not.toContain('PXEClient');
  });
});
