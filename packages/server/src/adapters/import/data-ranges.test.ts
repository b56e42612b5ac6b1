import { describe, expect, it } from 'vitest';
import { parseExtents, split } from './data-ranges.js';

const listed = `Filesystem type is: ef53
File size of /proc/1/fd/3 is 2579496960 (2579496960 blocks of 1 bytes)
 ext:     logical_offset:        physical_offset: length:   expected: flags:
   0:        0..    8191: 101476990976..101476999167:   8192:            
   1:  4194304.. 4202495: 101481185280..101481193471:   8192: 101477000000: last,unwritten,eof
/proc/1/fd/3: 2 extents found
`;

describe('the extents of a file', () => {
  it('are read from the list', () => {
    expect(parseExtents(listed)).toEqual([
      { from: 0, to: 8192 },
      { from: 4194304, to: 4202496 },
    ]);
    expect(parseExtents('File size of x is 5 (5 blocks of 1 bytes)\nx: 0 extents found\n')).toEqual([]);
    expect(parseExtents(listed.replace('2 extents', '1 extent'))).toHaveLength(2);
  });

  it('are not known where the list is cut, or the file system tells none', () => {
    expect(parseExtents(listed.slice(0, -20))).toBeUndefined();
    expect(parseExtents('x: FIBMAP/FIEMAP unsupported\n')).toBeUndefined();
    expect(parseExtents('')).toBeUndefined();
  });
});

describe('a range', () => {
  const extents = [
    { from: 10, to: 20 },
    { from: 20, to: 25 },
    { from: 40, to: 50 },
  ];
  it.each([
    [{ from: 0, to: 60 }, ['hole 0-10', '10-20', '20-25', 'hole 25-40', '40-50', 'hole 50-60']],
    [{ from: 12, to: 22 }, ['12-20', '20-22']],
    [{ from: 26, to: 30 }, ['hole 26-30']],
    [{ from: 45, to: 45 }, []],
  ])('%o is split into data and holes', (range, pieces) => {
    expect(split(range, extents).map(({ from, to, hole }) => `${hole ? 'hole ' : ''}${from}-${to}`)).toEqual(pieces);
  });

  it('without an extent is one hole', () => {
    expect(split({ from: 3, to: 9 }, [])).toEqual([{ from: 3, to: 9, hole: true }]);
  });
});
