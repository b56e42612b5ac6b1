import { RefusedError } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { filledBody, filledHeader, filledUrl } from './fill.js';

const board = (values: Record<string, string>) => ({
  id: 'dev_1',
  name: 'pi-7',
  mac: 'dc:a6:32:01:36:c2',
  serial: null,
  bootPrefix: '91cdf03d',
  values,
});

const refused = (look: () => unknown): string => {
  try {
    look();
  } catch (fault) {
    if (fault instanceof RefusedError) return `${fault.refusal.code} ${fault.refusal.errors?.[0]?.field}`;
    throw fault;
  }
  throw new Error('it was filled in');
};

describe('a value in a URL', () => {
  const template = 'http://{{address}}/on/{{port}}?mac={{mac}}&c={{channel=0}}';
  it('cannot become another part of it', () => {
    const url = filledUrl(template, board({ address: '10.0.0.7:81', port: 'a/../b?c#d&e= %' }));
    expect(url.href).toBe('http://10.0.0.7:81/on/a%2F..%2Fb%3Fc%23d%26e%3D%20%25?mac=dc%3Aa6%3A32%3A01%3A36%3Ac2&c=0');
  });
  it.each(['10.0.0.7', 'plug-7.lab.example:8080', '[fd00::7]', '[fd00::7]:80'])('names a host: %s', (address) => {
    expect(filledUrl(template, board({ address, port: '1' })).origin).toBe(new URL(`http://${address}`).origin);
  });
  it.each(['a/b', 'user@host', 'h?x', 'h#x', 'h\\x', '-h', 'h:', 'h:123456', 'h x', '10.0.0.7\r\n'])(
    'that is no host is refused there: %j',
    (address) => {
      expect(refused(() => filledUrl(template, board({ address, port: '1' })))).toBe(
        'power.unsupported power.values.address',
      );
    },
  );
  it('leads nowhere else by dots', () => {
    for (const port of ['.', '..'])
      expect(refused(() => filledUrl(template, board({ address: 'h', port })))).toBe(
        'power.unsupported power.values.port',
      );
  });
  it('that is not known is named', () => {
    expect(refused(() => filledUrl('http://h/{{serial}}', board({})))).toBe('power.unsupported power.values.serial');
    expect(refused(() => filledUrl('http://h/{{port}}', board({})))).toBe('power.unsupported power.values.port');
    expect(refused(() => filledUrl('http://h/{{toString}}', board({})))).toBe(
      'power.unsupported power.values.toString',
    );
  });
  it('is the one given to the board rather than what is known anyhow', () => {
    expect(filledUrl('http://h/{{piId}}', board({ piId: 'pi-one' })).pathname).toBe('/pi-one');
    expect(filledUrl('http://h/{{piId}}', board({})).pathname).toBe('/91cdf03d');
  });
});

describe('a value in a header', () => {
  it('adds no other header', () => {
    expect(filledHeader('p {{port}}', board({ port: '7' }))).toBe('p 7');
    expect(refused(() => filledHeader('{{port}}', board({ port: '7\r\nX: y' })))).toBe(
      'power.unsupported power.values.port',
    );
  });
});

describe('a value in a body', () => {
  it('is a string of JSON where it stands in one', () => {
    const { text, type } = filledBody('{"a\\"": "{{port}}", "b": 1}', undefined, board({ port: '7", "b": "2\\' }));
    expect(JSON.parse(text)).toEqual({ 'a"': '7", "b": "2\\', b: 1 });
    expect(type).toBe('application/json');
  });
  it('is a number or a truth of JSON elsewhere, and nothing more', () => {
    expect(filledBody('{"p":{"n":{{port}}}}', undefined, board({ port: '7' })).text).toBe('{"p":{"n":7}}');
    for (const port of ['7,"a":1', '[1]', 'null', '07', '1e9'])
      expect(refused(() => filledBody('{"p":{{port}}}', undefined, board({ port })))).toBe(
        'power.unsupported power.values.port',
      );
  });
  it('is encoded in a form, and as it is in a text', () => {
    const target = board({ port: 'a&b=c' });
    expect(filledBody('p={{port}}', 'application/x-www-form-urlencoded', target).text).toBe('p=a%26b%3Dc');
    expect(filledBody('p={{port}}', undefined, target)).toEqual({ text: 'p=a&b=c', type: 'text/plain; charset=utf-8' });
  });
});
