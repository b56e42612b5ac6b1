import { describe, expect, it } from 'vitest';
import { presharedKey, requireWifi, ssidOf, wpaSupplicantText } from './wifi.js';

const home = { ssid: 'My Net', password: 'secret pass', country: 'DE' };

describe('a wireless network', () => {
  // IEEE 802.11-2020, J.4.2.
  it.each([
    ['IEEE', 'password', 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e'],
    ['ThisIsASSID', 'ThisIsAPassword', '0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af'],
  ])('%s has the key of the standard', (ssid, password, key) => {
    expect(presharedKey(ssid, password)).toBe(key);
  });

  it('is written without its password', () => {
    const text = wpaSupplicantText(home);
    expect(text).toBe(
      'country=DE\nnetwork={\n\tssid="My Net"\n\tscan_ssid=1\n' +
        '\tpsk=cad14e7071d64ff7a4493fde0e7729f7971926d957025246a0f861e63e7235d7\n}\n',
    );
    expect(ssidOf(text)).toBe('My Net');
  });

  it.each(['Café', 'a"b', 'back\\slash', '\u{1f355}'])('may be called %s', (ssid) => {
    const text = wpaSupplicantText({ ...home, ssid });
    expect(text).toContain(`ssid=${Buffer.from(ssid).toString('hex')}\n`);
    expect(ssidOf(text)).toBe(ssid);
  });

  it('takes a key for a key', () => {
    expect(presharedKey('any', 'AB'.repeat(32))).toBe('ab'.repeat(32));
  });

  it.each([
    ['wifi-ssid', { ssid: '' }],
    ['wifi-ssid', { ssid: 'é'.repeat(17) }],
    ['wifi-ssid', { ssid: 'a\nb' }],
    ['wifi-password', { password: 'short' }],
    ['wifi-password', { password: 'a'.repeat(64).replace('a', 'x') }],
    ['wifi-password', { password: 'pässword' }],
    ['wifi-country', { country: 'de' }],
  ])('is refused for its %s: %j', (field, change) => {
    expect(() => requireWifi({ ...home, ...change })).toThrow(
      expect.objectContaining({ message: expect.stringContaining(field) as string }),
    );
  });
});
