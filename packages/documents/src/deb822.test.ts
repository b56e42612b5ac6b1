import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDeb822, parseDeb822 } from './deb822.js';

describe('stanzas of Debian', () => {
  it('are read field by field, with values of many lines', () => {
    const text = [
      '# a comment',
      'Package: nano',
      'Description: small editor',
      ' It is small.',
      ' .',
      '# a comment in between',
      ' It edits.',
      '',
      ' \t',
      'Package: vim-tiny',
      'Depends:',
      ' libc6 (>= 2.36),',
      ' libtinfo6',
      '',
    ].join('\n');
    expect(parseDeb822(text).map((stanza) => Object.fromEntries(stanza))).toEqual([
      { package: 'nano', description: 'small editor\n It is small.\n .\n It edits.' },
      { package: 'vim-tiny', depends: '\n libc6 (>= 2.36),\n libtinfo6' },
    ]);
  });

  it('are what was written', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
    const value = fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?(\n [!-~]{1,20}){0,3}$/);
    const stanza = fc.dictionary(name, value, { minKeys: 1 }).map((fields) => new Map(Object.entries(fields)));
    fc.assert(
      fc.property(fc.array(stanza), (stanzas) => {
        expect(parseDeb822(formatDeb822(stanzas))).toEqual(stanzas);
      }),
    );
  });

  it('of lines that are none are nothing', () => {
    expect(parseDeb822('')).toEqual([]);
    expect(parseDeb822('no field\n indented\n\n\n')).toEqual([]);
  });
});
