import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dhcpCorpus, packet } from '../../test/support/corpus.js';
import { cases, holds, randomFrom, seed, soak } from '../../test/support/fuzz.js';
import { mutateDhcp } from '../../test/support/mutate.js';
import { decodeDhcp, encodeDhcp, hardwareAddress, type DhcpMessage } from './codec.js';
import { option, readAddress, readMessageType, readText, readU16, readU32 } from './options.js';
import { recognise } from './recognise.js';

function decode(bytes: Uint8Array): DhcpMessage {
  const decoded = decodeDhcp(bytes);
  if (!decoded.ok) throw new Error(decoded.error.message);
  return decoded.message;
}

/** A message with these bytes as options, and other fields set by offset. */
function raw(options: readonly number[], fields: Record<number, readonly number[]> = {}): Uint8Array {
  const bytes = new Uint8Array(240 + options.length);
  bytes.set([1, 1, 6, 0]);
  bytes.set([99, 130, 83, 99], 236);
  bytes.set(options, 240);
  for (const [at, values] of Object.entries(fields)) bytes.set(values, Number(at));
  return bytes;
}

describe('reading messages', () => {
  it('reads a DISCOVER of a Pi 4', () => {
    const message = decode(packet(dhcpCorpus, 'ee-pi4-discover'));
    expect(message).toMatchObject({ op: 'request', xid: 0x5a6b7c8d, flags: 0, ciaddr: '0.0.0.0', giaddr: '0.0.0.0' });
    expect(hardwareAddress(message)).toBe('e4:5f:01:09:02:f7');
    expect(readMessageType(message.options)).toBe('discover');
    expect(readText(message.options, option.vendorClass)).toBe('PXEClient:Arch:00000:UNDI:002001');
    expect(readU16(message.options, option.clientArchitecture)).toBe(0);
  });

  it('reads an ACK of dnsmasq', () => {
    const message = decode(packet(dhcpCorpus, 'dnsmasq-ack'));
    expect(message).toMatchObject({ op: 'reply', yiaddr: '10.77.0.129', siaddr: '10.77.0.1' });
    expect(readAddress(message.options, option.serverIdentifier)).toBe('10.77.0.1');
    expect(readU32(message.options, option.leaseTime)).toBe(3600);
  });

  it('reads options from the file and server name fields when option 52 says so, in that order', () => {
    const message = decode(
      raw([52, 1, 3, 12, 1, 97, 255], { 108: [12, 1, 98, 0, 0, 67, 1, 120, 255], 44: [12, 1, 99, 255] }),
    );
    expect(readText(message.options, option.hostname)).toBe('abc');
    expect(readText(message.options, option.bootFileName)).toBe('x');
    expect(message).toMatchObject({ sname: '', file: '' });
    expect(message.options.has(option.overload)).toBe(false);
  });

  it('leaves those fields alone otherwise', () => {
    const message = decode(raw([53, 1, 1, 255], { 108: [12, 1, 98, 0], 44: [104, 105, 0] }));
    expect(message).toMatchObject({ sname: 'hi', file: '\f\x01b' });
    expect(message.options.has(option.hostname)).toBe(false);
  });

  it('joins the parts of a long option (RFC 3396) and skips padding', () => {
    const message = decode(raw([0, 0, 97, 2, 1, 2, 0, 53, 1, 1, 97, 2, 3, 4, 255, 97, 1, 9]));
    expect(message.options.get(97)).toEqual(Uint8Array.of(1, 2, 3, 4));
  });

  it('forgives a missing end mark', () => {
    expect(readMessageType(decode(raw([53, 1, 8])).options)).toBe('inform');
  });

  it.each([
    ['nothing', new Uint8Array(0), 'too-short'],
    ['a header alone', new Uint8Array(236), 'too-short'],
    ['an op of 3', raw([255], { 0: [3] }), 'bad-op'],
    ['a hardware address of 17 bytes', raw([255], { 2: [17] }), 'bad-hardware-length'],
    ['plain BOOTP', raw([255], { 236: [0, 0, 0, 0] }), 'no-cookie'],
    ['an option without length', raw([53]), 'option-overrun'],
    ['an option over the end', raw([53, 9, 1]), 'option-overrun'],
    ['an overloaded field with an option over its end', raw([52, 1, 1, 255], { 234: [43, 9] }), 'option-overrun'],
  ])('refuses %s', (_what, bytes, reason) => {
    expect(decodeDhcp(bytes)).toMatchObject({ ok: false, error: { reason } });
  });
});

describe('writing messages', () => {
  const message = decode(packet(dhcpCorpus, 'udhcpc-discover'));

  it('pads to 300 bytes and ends the options', () => {
    const bytes = encodeDhcp({ ...message, options: new Map([[53, Uint8Array.of(1)]]) });
    expect(bytes.length).toBe(300);
    expect(Array.from(bytes.subarray(240, 245))).toEqual([53, 1, 1, 255, 0]);
  });

  it('puts the message type first and relay information last', () => {
    const options = new Map([82, 54, 53].map((code) => [code, Uint8Array.of(7)]));
    expect(Array.from(encodeDhcp({ ...message, options }).subarray(240, 250))).toEqual([
      53, 1, 7, 54, 1, 7, 82, 1, 7, 255,
    ]);
  });

  it('splits what is longer than 255 bytes', () => {
    const long = Uint8Array.from({ length: 600 }, (_, i) => i & 0xff);
    expect(decode(encodeDhcp({ ...message, options: new Map([[43, long]]) })).options.get(43)).toEqual(long);
  });

  it('keeps an option of no bytes', () => {
    const options = new Map([[80, new Uint8Array(0)]]);
    expect(decode(encodeDhcp({ ...message, options })).options.get(80)).toEqual(new Uint8Array(0));
  });
});

/** Any bytes give a message or a typed error; a message survives being written and can be classified. */
function check(bytes: Uint8Array): void {
  const decoded = decodeDhcp(bytes);
  if (!decoded.ok) {
    if (decoded.error.message === '') throw new Error('an error without words');
    return;
  }
  const once = encodeDhcp(decoded.message);
  const again = decodeDhcp(once);
  if (!again.ok) throw new Error(`not readable again: ${again.error.message}`);
  if (Buffer.compare(once, encodeDhcp(again.message)) !== 0) throw new Error(Buffer.from(bytes).toString('hex'));
  const { kind, serial32 } = recognise(decoded.message);
  if (serial32 !== undefined && !/^[0-9a-f]{8}$/.test(serial32)) throw new Error(`${kind} with serial ${serial32}`);
}

describe('any bytes', () => {
  it('decode to a message or a typed error', soak, () => {
    holds('protocols/dhcp bytes', 2000, fc.uint8Array({ maxLength: 600 }), check);
    const options = fc.uint8Array({ maxLength: 400 });
    holds('protocols/dhcp options', 2000, options, (bytes) => check(raw(Array.from(bytes))));
  });

  it('that were good messages once, too', soak, () => {
    const random = randomFrom(seed);
    const originals = [...dhcpCorpus.values()];
    for (let left = cases('protocols/dhcp', 15_000); left > 0; left -= 1) {
      check(mutateDhcp(originals[random(originals.length)]!, random));
    }
  });

  it.each([...dhcpCorpus])('of %s mean the same when written again', (_name, bytes) => {
    const message = decode(bytes);
    const again = decode(encodeDhcp(message));
    const sorted = ({ options }: DhcpMessage) => [...options].sort(([a], [b]) => a - b);
    expect({ ...again, options: sorted(again) }).toEqual({ ...message, options: sorted(message) });
  });
});
