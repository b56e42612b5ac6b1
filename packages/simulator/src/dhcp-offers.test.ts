import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../test/support/runs.js';
import { gather, judgeOffer, type OfferContext } from './dhcp-offers.js';
import { readReply, vendorSubOptions, type DhcpReply } from './dhcp-replies.js';
import { defaultEeprom, defaultQuirks, eepromWith } from './settings.js';
import type { DhcpKind } from './types.js';

const guid = Buffer.from('00' + '44'.repeat(16), 'hex');
const menu32 = '0601030a04005058450914000011' + Buffer.from('Raspberry Pi Boot').toString('hex') + 'ff';
const menu35 = '0601030a04005058450917000014' + Buffer.from('Raspberry Pi Boot   ').toString('hex') + 'ff';
const menuOf = (text: string): string =>
  '060103' +
  '09' +
  (text.length + 3).toString(16).padStart(2, '0') +
  '0000' +
  text.length.toString(16).padStart(2, '0') +
  Buffer.from(text).toString('hex') +
  'ff';

interface Wire {
  readonly type?: string;
  readonly yiaddr?: string;
  readonly siaddr?: string;
  readonly giaddr?: string;
  /** Code to value in hex. */
  readonly options?: Readonly<Record<number, string>>;
}

/** A reply's bytes, written down here independently of the parser under test. */
const packetOf = ({
  type = '02',
  yiaddr = '00000000',
  siaddr = '00000000',
  giaddr = '00000000',
  options = {},
}: Wire): Buffer => {
  const head =
    '02010600' + '26f30339' + '00000000' + '00000000' + yiaddr + siaddr + giaddr + 'b827eb28f66d' + '00'.repeat(10);
  const body = Object.entries(options).map(([code, value]) => {
    return Number(code).toString(16).padStart(2, '0') + (value.length / 2).toString(16).padStart(2, '0') + value;
  });
  return Buffer.from(head + '00'.repeat(192) + '63825363' + '3501' + type + body.join('') + 'ff', 'hex');
};

const replyOf = (wire: Wire): DhcpReply => {
  const reply = readReply(packetOf(wire));
  if (reply === undefined) throw new Error('test packet not readable');
  return reply;
};

const context = (kind: DhcpKind, changes: Partial<OfferContext> = {}): OfferContext => ({
  kind,
  eeprom: defaultEeprom,
  quirks: defaultQuirks,
  guid,
  behindRelay: false,
  ...changes,
});

const pxe = Buffer.from('PXEClient').toString('hex');
const self = '0a000002';
const proxy = (option43: string, more: Readonly<Record<number, string>> = {}): Wire => ({
  options: { 54: self, 60: pxe, 97: guid.toString('hex'), 43: option43, ...more },
});
const ascii = (text: string): string => Buffer.from(text).toString('hex');

describe('which offers name a boot server', () => {
  const table: readonly [string, DhcpKind, Wire, string | undefined][] = [
    ['32-byte menu', 'ee', proxy(menu32), '10.0.0.2'],
    ['35-byte menu', 'ee', proxy(menu35), '10.0.0.2'],
    ['32-byte menu', 'bc', proxy(menu32), '10.0.0.2'],
    ['35-byte menu', 'bc', proxy(menu35), '10.0.0.2'],
    ['32-byte menu', 'rom-fixed', proxy(menu32), '10.0.0.2'],
    ['32-byte menu (length bug)', 'rom', proxy(menu32), undefined],
    ['35-byte menu', 'rom', proxy(menu35), '10.0.0.2'],
    ['text around the words', 'ee', proxy(menuOf('~~Raspberry Pi Boot~~')), '10.0.0.2'],
    ['padding inside option 43', 'ee', proxy('0000' + menu32), '10.0.0.2'],
    ['another menu', 'ee', proxy(menuOf('Boot from LAN')), undefined],
    ['menu without option 60', 'ee', { options: { 54: self, 97: guid.toString('hex'), 43: menu32 } }, undefined],
    ['menu without option 97', 'bc', { options: { 54: self, 60: pxe, 43: menu32 } }, undefined],
    ['menu with another option 97', 'bc', proxy(menu32, { 97: '00'.repeat(17) }), undefined],
    ['menu without option 54', 'ee', { options: { 60: pxe, 97: guid.toString('hex'), 43: menu32 } }, undefined],
    ['option 66 as dotted quad', 'ee', { options: { 54: self, 66: ascii('192.168.0.21') } }, '192.168.0.21'],
    ['option 66 ended by NUL', 'ee', { options: { 54: self, 66: ascii('192.168.0.21') + '00' } }, '192.168.0.21'],
    ['option 66 as four bytes', 'ee', { options: { 54: self, 66: 'c0a80015' } }, undefined],
    ['option 66 as a name', 'ee', { options: { 54: self, 66: ascii('server.lan') } }, undefined],
    ['option 66', 'bc', { options: { 54: self, 66: ascii('192.168.0.21') } }, undefined],
    ['option 66', 'rom', { options: { 54: self, 66: ascii('192.168.0.21') } }, undefined],
    ['siaddr alone', 'ee', { siaddr: '0a000009', options: { 54: self } }, undefined],
    ['siaddr with a menu', 'ee', { ...proxy(menu32), siaddr: '0a000009' }, '10.0.0.9'],
    ['siaddr with a menu', 'bc', { ...proxy(menu32), siaddr: '0a000009' }, '10.0.0.2'],
    ['siaddr with a menu', 'rom', { ...proxy(menu35), siaddr: '0a000009' }, '10.0.0.2'],
    ['option 66 beside a menu', 'ee', proxy(menu32, { 66: ascii('10.0.0.66') }), '10.0.0.66'],
  ];
  it.each(table)('%s, %s', (_name, kind, wire, expected) => {
    expect(judgeOffer(context(kind), replyOf(wire)).bootServer).toBe(expected);
  });

  it('honours siaddr only since 2019-10-08', () => {
    const old = context('ee', { eeprom: eepromWith({ date: '2019-09-10' }) });
    expect(judgeOffer(old, replyOf({ ...proxy(menu32), siaddr: '0a000009' })).bootServer).toBe('10.0.0.2');
  });

  it('matches the string of PXE_OPTION43', () => {
    const own = context('ee', { eeprom: eepromWith({ PXE_OPTION43: 'My Fleet' }) });
    expect(judgeOffer(own, replyOf(proxy(menuOf('My Fleet')))).bootServer).toBe('10.0.0.2');
    expect(judgeOffer(own, replyOf(proxy(menu32))).bootServer).toBeUndefined();
  });

  it('takes the short menu on a lucky 3B', () => {
    const lucky = context('rom', { quirks: { ...defaultQuirks, romNeedsSpaces: false } });
    expect(judgeOffer(lucky, replyOf(proxy(menu32))).bootServer).toBe('10.0.0.2');
  });
});

describe('which offers hand out an address', () => {
  it('takes address, mask and router', () => {
    const wire: Wire = { yiaddr: '0a000032', options: { 54: '0a000001', 1: 'ffffff00', 3: '0a0000010a0000fe' } };
    expect(judgeOffer(context('ee'), replyOf(wire)).lease).toEqual({
      address: '10.0.0.50',
      server: '10.0.0.1',
      mask: '255.255.255.0',
      router: '10.0.0.1',
    });
  });

  it('refuses what came through a relay on a 3B only', () => {
    const wire: Wire = { yiaddr: '0a000032', giaddr: '0a0000fe', options: { 54: '0a000001' } };
    expect(judgeOffer(context('rom'), replyOf(wire)).verdict).toContain('relay');
    expect(judgeOffer(context('rom'), replyOf(wire)).lease).toBeUndefined();
    expect(judgeOffer(context('rom-fixed'), replyOf(wire)).lease).toBeDefined();
    expect(judgeOffer(context('ee'), replyOf(wire)).lease).toBeDefined();
    expect(judgeOffer(context('rom', { behindRelay: true }), replyOf(wire)).lease).toBeDefined();
  });
});

describe('gathering offers', () => {
  const lease = { address: '10.0.0.50', server: '10.0.0.1' };

  it('keeps the first address and the first boot server', () => {
    const first = gather({}, { lease, bootServer: '10.0.0.2', verdict: '' });
    const other = { lease: { address: '10.0.0.51', server: '10.0.0.3' }, bootServer: '10.0.0.3', verdict: '' };
    expect(gather(first, other)).toEqual({ lease, bootServer: '10.0.0.2' });
  });

  it('lets option 66 outrank a menu, in either order', () => {
    const menu = { bootServer: '10.0.0.2', verdict: '' };
    const router = { lease, bootServer: '10.0.0.66', byOption66: true, verdict: '' };
    expect(gather(gather({}, menu), router).bootServer).toBe('10.0.0.66');
    expect(gather(gather({}, router), menu).bootServer).toBe('10.0.0.66');
  });
});

describe('reading replies', () => {
  it.each([
    ['a request', (bytes: Buffer) => bytes.fill(1, 0, 1)],
    ['a bad cookie', (bytes: Buffer) => bytes.fill(0, 236, 240)],
    ['a truncated head', (bytes: Buffer) => bytes.subarray(0, 200)],
    ['an option past the end', (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([43, 200, 1])])],
    ['no message type', (bytes: Buffer) => bytes.fill(0, 240, 243)],
  ])('refuses %s', (_name, spoil) => {
    expect(readReply(spoil(packetOf(proxy(menu32))))).toBeUndefined();
  });

  it('never throws, whatever arrives', () => {
    check(
      'DHCP replies of any bytes',
      1000,
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.boolean(), (bytes, dressed) => {
        const packet = dressed ? Buffer.concat([packetOf({}).subarray(0, 243), bytes]) : Buffer.from(bytes);
        const reply = readReply(packet);
        if (reply !== undefined) for (const kind of ['rom', 'bc', 'ee'] as const) judgeOffer(context(kind), reply);
        vendorSubOptions(packet);
      }),
    );
  });
});
