import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../test/boot/arbitrary.js';
import { applies, configFiles, parseConfig, possibleValues, type ConfigReader } from './boot-config.js';

const pi4: ConfigReader = { names: ['pi4'], serial: '91cdf03d' };
const unknown: ConfigReader = { names: undefined, serial: null };
const values = (text: string, key: string, reader: ConfigReader) =>
  possibleValues(new Map([['config.txt', parseConfig(text)]]), key, reader);

describe('reading config.txt', () => {
  it('keeps every byte', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        expect(
          parseConfig(text)
            .map((line) => line.raw)
            .join(''),
        ).toBe(text);
      }),
    );
  });

  it('knows settings, directives, comments and blanks', () => {
    const lines = parseConfig(
      '# a=b\n\n Kernel = x.img \r\ninitramfs a.img,b.img followkernel\ninclude extra.txt\nlone\n',
    );
    expect(lines.map(({ key, value }) => [key, value])).toEqual([
      ['', ''],
      ['', ''],
      ['kernel', 'x.img'],
      ['initramfs', 'a.img,b.img followkernel'],
      ['include', 'extra.txt'],
      ['lone', ''],
    ]);
  });

  it.each([
    ['[pi4]\na=1', pi4, '1'],
    ['[pi3]\na=1', pi4, undefined],
    ['[pi3]\n[pi4]\na=1', pi4, '1'],
    ['[pi3]\na=1\n[all]\na=2', pi4, '2'],
    ['[none]\na=1', pi4, undefined],
    ['[0x91CDF03D]\na=1', pi4, '1'],
    ['[0x00000001]\na=1', pi4, undefined],
    ['[pi4]\n[gpio4=1]\na=1', pi4, undefined],
    ['[pi3]\n[0x91cdf03d]\na=1', pi4, undefined],
    ['[pi4]\na=1', unknown, undefined],
    ['a=1\na=2', unknown, '2'],
  ] as const)('%j is certain or not', (text, reader, wanted) => {
    expect(values(text, 'a', reader).certain).toBe(wanted);
  });

  it('keeps what may be so', () => {
    expect(values('a=1\n[gpio4=1]\na=2\n[pi3]\na=3', 'a', pi4)).toEqual({ certain: '1', possible: ['1', '2'] });
    expect(applies(parseConfig('[pi3]\na=1')[1]!, unknown)).toBe('maybe');
  });

  it('follows include, each file once', () => {
    const texts: Record<string, string> = {
      'config.txt': 'include one.txt\ninclude two.txt\n',
      'one.txt': 'include config.txt\ninclude two.txt\na=1\n',
      'two.txt': 'include gone.txt\na=2\n',
    };
    const files = configFiles((path) => texts[path]);
    expect([...files.keys()].sort()).toEqual(['config.txt', 'one.txt', 'two.txt']);
  });
});

describe('settings that a guest may have written', () => {
  it('are not followed without end, however files include each other', () => {
    const names = Array.from({ length: 200 }, (_, i) => `f${i}.txt`);
    const everything = names.map((name) => `include ${name}\n`).join('');
    let reads = 0;
    const files = configFiles(() => {
      reads += 1;
      return everything;
    });
    expect(files.size).toBe(16);
    expect(reads).toBe(16);
  });

  it('have so many values at most, the last ones', () => {
    const text = Array.from({ length: 5000 }, (_, i) => `kernel=k${i}\n`).join('');
    const files = configFiles((path) => (path === 'config.txt' ? text : undefined));
    const { certain, possible } = possibleValues(files, 'kernel', { names: ['pi4'], serial: null });
    expect(certain).toBe('k4999');
    expect([possible.length, possible[0], possible.at(-1)]).toEqual([64, 'k4936', 'k4999']);
  });
});
