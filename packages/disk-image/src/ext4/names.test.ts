import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { decodeName, encodeName } from './names.js';

describe('names of ext4', () => {
  it('keep every byte, whether UTF-8 or not', { timeout: loopTimeout }, () => {
    const numRuns = announceRuns('ext4 names', 2000);
    const pieces = fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.string({ unit: 'binary', maxLength: 8 }).map((part) => new TextEncoder().encode(part)),
    );
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        const bytes = Buffer.concat(parts);
        expect(Buffer.compare(encodeName(decodeName(bytes)), bytes)).toBe(0);
      }),
      { numRuns, seed },
    );
  });

  it('are plain text when they are UTF-8', () => {
    expect(decodeName(Buffer.from('grüße ❤ 😀'))).toBe('grüße ❤ 😀');
    expect(decodeName(Uint8Array.of(0x61, 0xff, 0x62))).toBe('a\udcffb');
    // A surrogate in UTF-8 disguise is not text either.
    expect(decodeName(Uint8Array.of(0xed, 0xb2, 0x80))).toBe('\udced\udcb2\udc80');
  });
});
