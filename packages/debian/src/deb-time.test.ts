import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { debHeadLength, debTime } from './deb-time.js';

const head = (text: string): Uint8Array => Buffer.from(text, 'latin1');
/** The first bytes of libssl3_3.0.22-1~deb12u1_amd64.deb and of one whose names end with a slash, as System V's ar writes them. */
const real = '!<arch>\ndebian-binary   1612245603  0     0     100644  4         `\n2.0\ncontrol.tar.xz';
const slashed = '!<arch>\ndebian-binary/  0           1000  1000  100664  4         `\n2.0\n';

describe('the time of a Debian package', () => {
  it('is that of its first member', () => {
    expect(debTime(head(real))).toBe(1_612_245_603);
    expect(debTime(head(slashed))).toBe(0);
  });

  it('is none where there is no package', () => {
    for (let length = 0; length < debHeadLength; length++) expect(debTime(head(real.slice(0, length)))).toBeUndefined();
    expect(debTime(head(real.replace('debian-binary', 'another-thing')))).toBeUndefined();
    expect(debTime(head(real.replace('1612245603', '16122456x3')))).toBeUndefined();
    expect(debTime(head(real.replace('2.0', '3.0')))).toBeUndefined();
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => debTime(bytes) === undefined));
  });
});
