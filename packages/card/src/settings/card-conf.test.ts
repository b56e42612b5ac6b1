import { RefusedError, type CardSettings } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { cardConfText, parseCardConf, requireSettings } from './card-conf.js';

const refused = (work: () => unknown): RefusedError['refusal'] => {
  try {
    work();
  } catch (error) {
    if (error instanceof RefusedError) return error.refusal;
    throw error;
  }
  throw new Error('it was not refused');
};

describe('card.conf', () => {
  it('is read as it was written, with names that are not known', () => {
    const text = 'server=http://drover.lan:8081\nkey=drv_a=b c\ncolour=green\n';
    expect([...parseCardConf(text)]).toEqual([
      ['server', 'http://drover.lan:8081'],
      ['key', 'drv_a=b c'],
      ['colour', 'green'],
    ]);
    expect(cardConfText(parseCardConf(text))).toBe(text);
  });

  it('may have been edited by a person on Windows', () => {
    expect(parseCardConf('# by hand\r\n\r\nhostname=sign-1\r\n').get('hostname')).toBe('sign-1');
  });

  it.each([
    ['hostname sign-1\n', 'line 1 is not name=value'],
    ['hostname=a\nhostname=b\n', 'line 2 names hostname again'],
    ['key=a\u001bb\n', 'line 1 is not name=value'],
    ['hostname=ä\n', 'line 1 is not name=value'],
  ])('%j cannot be kept, and says why', (text, why) => {
    const { code, detail, remedy } = refused(() => parseCardConf(text));
    expect([code, remedy]).toEqual(['card.disk-refused', expect.stringContaining('--forget')]);
    expect(detail).toContain(why);
  });
});

describe('settings', () => {
  it.each<CardSettings>([
    {},
    { server: 'http://192.0.2.7', key: 'drv_x', device: 'sign-17', hostname: 'sign-17' },
    { address: '192.0.2.7/24', gateway: '192.0.2.1', dns: '192.0.2.53,198.51.100.53', vlan: '7' },
    { address: '10.0.0.7/8', vlan: '4094' },
    { server: 'http://192.0.2.7:8081', device: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' },
  ])('%j can be on a card', (settings) => {
    expect(requireSettings(settings)).toEqual(settings);
  });

  it.each<[keyof CardSettings, string]>([
    ['server', 'drover.lan'],
    ['server', 'ftp://192.0.2.7'],
    ['server', 'https://drover.lan'],
    ['server', 'http://drover.lan:8081'],
    ['server', 'http://user:word@192.0.2.7'],
    ['server', 'http://192.0.2.7\nkey=x'],
    ['key', 'two words'],
    ['key', 'a\nserver=http://evil'],
    ['key', ''],
    ['device', 'Sign 17'],
    ['address', '192.0.2.7'],
    ['address', '192.0.2.256/24'],
    ['address', '192.0.2.7/31'],
    ['address', '192.0.02.7/24'],
    ['address', '192.0.2.7/24\nkey=x'],
    ['address', '2001:db8::7/64'],
    ['gateway', '192.0.2.1/24'],
    ['gateway', 'router'],
    ['dns', '192.0.2.1,'],
    ['dns', '192.0.2.1 192.0.2.2'],
    ['dns', '1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4'],
    ['vlan', '0'],
    ['vlan', '4095'],
    ['vlan', '07'],
    ['hostname', 'sign_17'],
    ['hostname', 'a'.repeat(64)],
  ])('%s cannot be %j, and its value is not repeated', (name, value) => {
    const { detail, errors, remedy } = refused(() => requireSettings({ [name]: value }));
    expect(errors).toMatchObject([{ field: name }]);
    expect(detail).toMatch(new RegExp(`^${name} `));
    expect(remedy).toBeTruthy();
    if (name === 'key' && value !== '') expect(JSON.stringify({ detail, errors })).not.toContain(value);
  });
});
