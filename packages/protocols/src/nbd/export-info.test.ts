import { describe, expect, it } from 'vitest';
import { exportOf } from '../../test/support/nbd-handshake.js';
import { faultOfExport } from './export-info.js';

const sizes = { minimum: 512, preferred: 4096, maximum: 1 << 20 };

describe('an export', () => {
  it.each([
    [{}],
    [{ size: 0 }],
    [{ size: 512 }],
    [{ blockSize: { minimum: 1, preferred: 512, maximum: 0xffff_ffff } }],
    [{ blockSize: { minimum: 65_536, preferred: 65_536, maximum: 65_536 } }],
    // "at least as large as the smaller of the preferred block size or export size"
    [{ size: 1024, blockSize: { minimum: 512, preferred: 1 << 20, maximum: 1024 } }],
  ])('may be offered: %j', (change) => {
    expect(faultOfExport(exportOf({ size: 1 << 30, blockSize: sizes, ...change }))).toBeUndefined();
  });

  it.each([
    [{ size: -1 }, 'size'],
    [{ size: 2 ** 53 }, 'size'],
    [{ size: 0.5 }, 'size'],
    [{ size: 1000 }, 'size 1000 is no multiple'],
    [{ blockSize: { ...sizes, minimum: 0 } }, 'minimum'],
    [{ blockSize: { ...sizes, minimum: 3 } }, 'minimum'],
    [{ blockSize: { minimum: 131_072, preferred: 131_072, maximum: 1 << 20 } }, 'minimum'],
    [{ blockSize: { ...sizes, preferred: 256 } }, 'preferred'],
    [{ blockSize: { ...sizes, preferred: 5000 } }, 'preferred'],
    [{ blockSize: { ...sizes, maximum: 0 } }, 'maximum'],
    [{ blockSize: { ...sizes, maximum: 2 ** 32 } }, 'maximum'],
    [{ blockSize: { ...sizes, maximum: 5000 } }, 'maximum block size 5000 is no multiple'],
    [{ blockSize: { ...sizes, maximum: 2048 } }, 'below preferred'],
  ])('may not: %j', (change, words) => {
    expect(faultOfExport(exportOf({ size: 1 << 30, blockSize: sizes, ...change }))).toContain(words);
  });
});
