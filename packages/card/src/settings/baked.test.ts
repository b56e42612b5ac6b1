import { describe, expect, it } from 'vitest';
import { mergeBaked, nothing, shownBaked, type Baked } from './baked.js';

const before: Baked = {
  lines: new Map([
    ['server', 'http://192.0.2.1:8081'],
    ['key', 'drv_0123456789'],
    ['hostname', 'sign-1'],
  ]),
  wifi: 'network={\n\tssid="Old Net"\n\tpsk=00\n}\n',
};

describe('what a card holds after it was written again', () => {
  it('is what it held, but for what is given anew', () => {
    const { lines, wifi, kept } = mergeBaked(before, {
      settings: { server: 'http://192.0.2.2:8081', device: 'sign-1', key: undefined },
      wifi: undefined,
    });
    expect(Object.fromEntries(lines)).toEqual({
      server: 'http://192.0.2.2:8081',
      key: 'drv_0123456789',
      hostname: 'sign-1',
      device: 'sign-1',
    });
    expect(wifi).toBe(before.wifi);
    expect(kept).toEqual(['key', 'hostname', 'wifi']);
  });

  it('has the new network alone', () => {
    const wifi = { ssid: 'New Net', password: 'secret pass', country: 'DE' };
    const merged = mergeBaked(before, { settings: {}, wifi });
    expect(shownBaked(merged)['wifi']).toBe('New Net');
    expect(merged.kept).not.toContain('wifi');
  });

  it('has gateway and name servers only with an address of its own', () => {
    const lines = new Map([...before.lines, ['address', '192.0.2.7/24']]);
    const given = { settings: { gateway: '192.0.2.1' }, wifi: undefined };
    expect(mergeBaked({ ...before, lines }, given).lines.get('gateway')).toBe('192.0.2.1');
    expect(() => mergeBaked(before, given)).toThrow(/^gateway is given without an address/);
  });

  it('is nothing where nothing was and nothing is given', () => {
    expect(mergeBaked(nothing, { settings: {}, wifi: undefined })).toEqual({ ...nothing, kept: [] });
  });

  it('is shown without its secrets', () => {
    expect(shownBaked(before)).toEqual({
      server: 'http://192.0.2.1:8081',
      key: 'drv_012345...',
      hostname: 'sign-1',
      wifi: 'Old Net',
    });
  });
});
