import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { macOfPrefix, prefixOfSerial, prefixTailOf, recognise, type KnownBoard } from './device-identity.js';

let count = 0;
const board = (change: Partial<KnownBoard> = {}): KnownBoard => {
  count += 1;
  return {
    id: `dev_${count}`,
    name: `pi-${count}`,
    adopted: false,
    mac: null,
    bootPrefix: null,
    model: 'other',
    createdAt: `2026-01-01T00:00:${String(count % 60).padStart(2, '0')}.000Z`,
    ...change,
  };
};
const none = { byPrefixTail: [] };
const mac = 'dc:a6:32:01:36:c2';
const prefix = '0a1b2c3d';

describe('MAC and boot prefix', () => {
  it('share their end on boards up to the Pi 3', () => {
    expect(prefixTailOf('b8:27:eb:1b:2c:3d')).toBe('1b2c3d');
    expect(prefixTailOf(mac)).toBeUndefined();
    expect(macOfPrefix('0a1b2c3d')).toBe('b8:27:eb:1b:2c:3d');
    expect(prefixOfSerial('10000000abcdef01')).toBe('abcdef01');
  });

  it('give each other back', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{8}$/), (text) => {
        expect(prefixTailOf(macOfPrefix(text))).toBe(text.slice(2));
      }),
    );
  });
});

describe('recognising a board', () => {
  it('does not know one it never saw', () => {
    expect(recognise({ mac, bootPrefix: prefix }, none)).toEqual({ kind: 'unknown' });
  });

  it('knows it by either, and learns the other', () => {
    const byMac = board({ mac });
    expect(recognise({ mac, bootPrefix: prefix }, { ...none, byMac })).toEqual({
      kind: 'known',
      board: byMac,
      learn: [{ kind: 'boot-prefix', value: prefix }],
    });
    const byPrefix = board({ bootPrefix: prefix });
    expect(recognise({ mac, bootPrefix: prefix }, { ...none, byPrefix })).toEqual({
      kind: 'known',
      board: byPrefix,
      learn: [{ kind: 'mac', value: mac }],
    });
    const both = board({ mac, bootPrefix: prefix });
    expect(recognise({ bootPrefix: prefix }, { ...none, byPrefix: both })).toMatchObject({ kind: 'known', learn: [] });
  });

  it('joins the record of DHCP with the one of TFTP, keeping what was adopted, else the older', () => {
    const byMac = board({ mac });
    const byPrefix = board({ bootPrefix: prefix });
    expect(recognise({ mac, bootPrefix: prefix }, { ...none, byMac, byPrefix })).toEqual({
      kind: 'same',
      keep: byMac,
      drop: byPrefix,
    });
    const adopted = { ...byPrefix, adopted: true };
    expect(recognise({ mac, bootPrefix: prefix }, { ...none, byMac, byPrefix: adopted })).toEqual({
      kind: 'same',
      keep: adopted,
      drop: byMac,
    });
  });

  it('joins nothing that two people adopted', () => {
    const byMac = board({ mac, adopted: true });
    const byPrefix = board({ bootPrefix: prefix, adopted: true });
    const seen = recognise({ mac, bootPrefix: prefix }, { ...none, byMac, byPrefix });
    expect(seen).toMatchObject({ kind: 'conflict', boards: [byMac, byPrefix] });
  });

  it('takes one prefix with two MACs, and one MAC with two prefixes, for a conflict', () => {
    const known = board({ mac, bootPrefix: prefix });
    const other = 'dc:a6:32:ff:ff:ff';
    expect(recognise({ mac: other, bootPrefix: prefix }, { ...none, byPrefix: known })).toMatchObject({
      kind: 'conflict',
      reason: expect.stringContaining(other) as string,
    });
    expect(recognise({ mac, bootPrefix: 'ffffffff' }, { ...none, byMac: known })).toMatchObject({
      kind: 'conflict',
      reason: expect.stringContaining('ffffffff') as string,
    });
    const second = board({ mac: other, bootPrefix: 'ffffffff' });
    expect(recognise({ mac, bootPrefix: 'ffffffff' }, { ...none, byMac: known, byPrefix: second })).toMatchObject({
      kind: 'conflict',
      boards: [known, second],
    });
  });

  it('knows a Pi 3 by the end it shares, when only one fits', () => {
    const old = 'b8:27:eb:1b:2c:3d';
    const byTftp = board({ bootPrefix: prefix, model: 'pi3' });
    expect(recognise({ mac: old }, { byPrefixTail: [byTftp] })).toEqual({
      kind: 'known',
      board: byTftp,
      learn: [{ kind: 'mac', value: old }],
    });
    const second = board({ bootPrefix: 'ff1b2c3d' });
    expect(recognise({ mac: old }, { byPrefixTail: [byTftp, second] })).toEqual({ kind: 'unknown' });
    const newer = board({ bootPrefix: prefix, model: 'pi4' });
    expect(recognise({ mac: old }, { byPrefixTail: [newer] })).toEqual({ kind: 'unknown' });
    const byDhcp = board({ mac: old, model: 'pi3' });
    expect(recognise({ bootPrefix: prefix }, { ...none, byDerivedMac: byDhcp })).toEqual({
      kind: 'known',
      board: byDhcp,
      learn: [{ kind: 'boot-prefix', value: prefix }],
    });
    const complete = board({ mac: old, bootPrefix: 'ee1b2c3d' });
    expect(recognise({ bootPrefix: prefix }, { ...none, byDerivedMac: complete })).toEqual({ kind: 'unknown' });
  });

  it('never learns an identity that contradicts one it has', () => {
    const hex = fc.constantFrom('00000001', '00000002');
    const macs = fc.constantFrom('b8:27:eb:00:00:01', 'dc:a6:32:00:00:02');
    const boards = fc.record({
      mac: fc.option(macs),
      bootPrefix: fc.option(hex),
      adopted: fc.boolean(),
      model: fc.constantFrom('pi3' as const, 'pi4' as const, 'other' as const),
    });
    fc.assert(
      fc.property(fc.array(boards, { maxLength: 4 }), fc.option(macs), fc.option(hex), (made, seenMac, seenPrefix) => {
        const all = made.map((change) => board(change));
        const shown = { mac: seenMac ?? undefined, bootPrefix: seenPrefix ?? undefined };
        const recognised = recognise(shown, {
          byMac: all.find((one) => one.mac !== null && one.mac === shown.mac),
          byPrefix: all.find((one) => one.bootPrefix !== null && one.bootPrefix === shown.bootPrefix),
          byDerivedMac: all.find((one) => shown.bootPrefix !== undefined && one.mac === macOfPrefix(shown.bootPrefix)),
          byPrefixTail: all.filter(
            (one) => shown.mac !== undefined && one.bootPrefix?.slice(2) === prefixTailOf(shown.mac),
          ),
        });
        if (recognised.kind === 'known') {
          const { board: one, learn } = recognised;
          expect(shown.mac === undefined || one.mac === null || one.mac === shown.mac).toBe(true);
          expect(shown.bootPrefix === undefined || one.bootPrefix === null || one.bootPrefix === shown.bootPrefix).toBe(
            true,
          );
          for (const { kind } of learn) expect(kind === 'mac' ? one.mac : one.bootPrefix).toBeNull();
        }
        if (recognised.kind === 'same') {
          const { keep, drop } = recognised;
          expect(keep.mac === null || drop.mac === null || keep.mac === drop.mac).toBe(true);
          expect(drop.adopted).toBe(false);
        }
      }),
    );
  });
});
