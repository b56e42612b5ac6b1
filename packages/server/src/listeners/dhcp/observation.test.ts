import type { DhcpMessage } from '@drover/protocols/dhcp';
import { describe, expect, it } from 'vitest';
import { otherServerEvent } from './observation.js';

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));

const offer = (options: readonly (readonly [number, Uint8Array])[], type = 2): DhcpMessage => ({
  op: 'reply',
  htype: 1,
  hlen: 6,
  hops: 0,
  xid: 7,
  secs: 0,
  flags: 0,
  ciaddr: '0.0.0.0',
  yiaddr: '10.0.0.40',
  siaddr: '0.0.0.0',
  giaddr: '0.0.0.0',
  chaddr: Uint8Array.from([0xdc, 0xa6, 0x32, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  sname: '',
  file: '',
  options: new Map([[53, Uint8Array.of(type)], [54, Uint8Array.of(10, 0, 0, 254)], ...options]),
});

describe('what another DHCP server says', () => {
  it('conflicts when it has PXE or TFTP options, which are named', () => {
    const event = otherServerEvent(
      offer([
        [66, text('10.0.0.9')],
        [67, text('pxe.0')],
      ]),
      '10.0.0.254',
      ['10.0.0.1'],
    );
    expect(event).toMatchObject({
      server: '10.0.0.254',
      mac: 'dc:a6:32:01:02:03',
      address: '10.0.0.40',
      conflicts: true,
      options: [66, 67],
      tftpServer: '10.0.0.9',
      bootFile: 'pxe.0',
    });
  });

  it('is told without conflict when it only gives an address', () => {
    expect(otherServerEvent(offer([]), '10.0.0.254', [])).toMatchObject({ conflicts: false, options: [] });
  });

  it('is not told when it is ours, or no OFFER or ACK', () => {
    expect(otherServerEvent(offer([]), '10.0.0.254', ['10.0.0.254'])).toBeUndefined();
    expect(otherServerEvent(offer([], 6), '10.0.0.254', [])).toBeUndefined();
    expect(otherServerEvent({ ...offer([]), op: 'request' }, '10.0.0.254', [])).toBeUndefined();
  });
});
