import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { droppingRules } from './firewall.js';
import { createCaptureReader, readCooked, readEthernet } from './frames.js';

const bytes = (...hex: string[]): Buffer => Buffer.from(hex.join('').replaceAll(' ', ''), 'hex');
const padded = (frame: Buffer): Buffer => Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]);

const group = '0180c2000000';
const port = '001b21000001';
const bpdu = (version: string): Buffer => padded(bytes(group, port, '0026', '424203', '0000', version, '02', '7c'));

const discover = (more: { relay?: string; vendorClass?: string } = {}): Buffer => {
  const fixed = Buffer.alloc(236);
  bytes('01010600').copy(fixed);
  bytes(more.relay ?? '00000000').copy(fixed, 24);
  bytes('dca632010203').copy(fixed, 28);
  const vendorClass = Buffer.from(more.vendorClass ?? 'PXEClient:Arch:00000:UNDI:002001');
  return Buffer.concat([
    fixed,
    bytes('63825363', '350101', '00', '3c'),
    Buffer.from([vendorClass.length]),
    vendorClass,
    bytes('ff'),
  ]);
};
const udp = (payload: Buffer, to = 67): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(68, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([
    bytes('4500', '0000', '0000', '0000', '4011', '0000', '00000000', 'ffffffff'),
    header,
    payload,
  ]);
};
const ethernet = (type: string, payload: Buffer): Buffer =>
  Buffer.concat([bytes('ffffffffffff', 'dca632010203', type), payload]);

describe('frames off the wire', () => {
  it.each([
    ['00', 'stp'],
    ['02', 'rstp'],
    ['03', 'mstp'],
  ])('knows spanning tree of version %s as %s', (version, protocol) => {
    expect(readEthernet(bpdu(version))).toEqual({ kind: 'bpdu', protocol, from: '00:1b:21:00:00:01' });
  });

  it("knows Cisco's tree per VLAN, and other SNAP frames for what they are", () => {
    const snap = (code: string): Buffer => padded(bytes('01000ccccccd', port, '0032', 'aaaa03', code, '0000'));
    expect(readEthernet(snap('00000c010b'))).toMatchObject({ kind: 'bpdu', protocol: 'pvst' });
    expect(readEthernet(snap('00000c2000'))).toBeUndefined();
  });

  it('knows who answers for an address, and not who asks', () => {
    const arp = (operation: string): Buffer =>
      ethernet('0806', bytes('0001080006040', operation, '02000000000a', '0a4d0001', '000000000000', '0a4d0065'));
    expect(readEthernet(arp('002'))).toEqual({ kind: 'arp', address: '10.77.0.1', mac: '02:00:00:00:00:0a' });
    expect(readEthernet(arp('001'))).toBeUndefined();
  });

  it('knows a board that asks for an address, with a VLAN tag or through a relay', () => {
    const board = { kind: 'dhcp', mac: 'dc:a6:32:01:02:03', boots: true, relay: null };
    expect(readEthernet(ethernet('0800', udp(discover())))).toEqual(board);
    expect(readEthernet(ethernet('8100000a0800', udp(discover())))).toEqual(board);
    const relayed = udp(discover({ relay: '0a010001' }));
    expect(readEthernet(ethernet('0800', relayed))).toMatchObject({ relay: '10.1.0.1' });
    const other = udp(discover({ vendorClass: 'udhcp 1.36.1' }));
    expect(readEthernet(ethernet('0800', other))).toMatchObject({ boots: false });
    expect(readEthernet(ethernet('0800', udp(discover(), 69)))).toBeUndefined();
  });

  it('knows by which interface a frame came in, and our own', () => {
    const cooked = (type: string): Buffer =>
      Buffer.concat([bytes('0800', '0000', '00000007', '0001', type, '06', 'dca6320102030000'), udp(discover())]);
    expect(readCooked(cooked('01'))).toMatchObject({ index: 7, outgoing: false, frame: { kind: 'dhcp' } });
    expect(readCooked(cooked('04'))).toMatchObject({ outgoing: true });
  });

  it('takes a capture apart however it is cut, in both byte orders', () => {
    const frames = [bpdu('02'), ethernet('0800', udp(discover()))];
    const number = (value: number, little: boolean): Buffer => {
      const four = Buffer.alloc(4);
      if (little) four.writeUInt32LE(value);
      else four.writeUInt32BE(value);
      return four;
    };
    const capture = (little: boolean): Buffer =>
      Buffer.concat([
        ...[number(0xa1b2c3d4, little), Buffer.alloc(20)],
        ...frames.flatMap((frame) => [
          Buffer.alloc(8),
          number(frame.length, little),
          number(frame.length, little),
          frame,
        ]),
      ]);
    for (const little of [true, false]) {
      for (const size of [1, 7, 4096]) {
        const taken: Buffer[] = [];
        const read = createCaptureReader((frame) => taken.push(Buffer.from(frame)));
        const file = capture(little);
        for (let at = 0; at < file.length; at += size) read(file.subarray(at, at + size));
        expect(taken).toEqual(frames);
      }
    }
  });

  it('reads nothing out of what is broken, and does not throw', () => {
    const any = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array));
    const cut = fc.tuple(fc.constantFrom(bpdu('02'), ethernet('0800', udp(discover()))), fc.nat(300));
    fc.assert(
      fc.property(any, cut, (noise, [frame, length]) => {
        readEthernet(noise);
        readCooked(noise);
        readEthernet(frame.subarray(0, length));
        createCaptureReader(() => undefined)(noise);
      }),
    );
  });
});

describe('rules of a firewall', () => {
  it('are those that drop or refuse, without their counters', () => {
    const ruleset = `table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    ct state established accept
    udp dport 69 counter packets 3 bytes 120 drop
    # drop this later
    tcp dport 22 accept
    tcp dport 8081 reject with tcp reset
  }
}`;
    expect(droppingRules(ruleset)).toEqual([
      'type filter hook input priority 0; policy drop;',
      'udp dport 69 drop',
      'tcp dport 8081 reject with tcp reset',
    ]);
  });
});
