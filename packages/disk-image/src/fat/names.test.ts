import { describe, expect, it } from 'vitest';
import { decodeShortName, foldCase, shortNameChecksum } from './names.js';

const raw = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('short names', () => {
  it('follow the NT flags for lower case', () => {
    expect(decodeShortName(raw('CONFIG  TXT'), 0)).toBe('CONFIG.TXT');
    expect(decodeShortName(raw('CONFIG  TXT'), 0x18)).toBe('config.txt');
    expect(decodeShortName(raw('FIXUP4  DAT'), 0x10)).toBe('FIXUP4.dat');
    expect(decodeShortName(raw('OVERLAYS   '), 0x08)).toBe('overlays');
  });

  it('are in code page 437, and may begin with E5 kept as 05', () => {
    expect(decodeShortName(raw('\x8eRGER  TXT'.padEnd(11)), 0)).toBe('ÄRGER  T.XT');
    expect(decodeShortName(raw('\x05A         '), 0)).toBe('σA');
  });

  it('have the checksum of the specification', () => {
    // Computed by hand from the algorithm in section 7.2 for a name of one letter.
    let sum = 0;
    for (const byte of raw('A          ')) sum = ((sum & 1 ? 0x80 : 0) + (sum >> 1) + byte) & 0xff;
    expect(shortNameChecksum(raw('A          '))).toBe(sum);
  });
});

describe('foldCase', () => {
  it('ignores case one character for one', () => {
    expect(foldCase('Überlays/Foo.DTBO')).toBe(foldCase('üBERLAYS/fOO.dtbo'));
    expect(foldCase('straße')).not.toBe(foldCase('STRASSE'));
  });
});
