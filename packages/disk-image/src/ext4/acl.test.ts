import { describe, expect, it } from 'vitest';
import { aclToXattr } from './acl.js';

const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('access control lists', () => {
  it('are unpacked to the form of getxattr', () => {
    // user::rw-, user:1000:r--, group::r--, mask::r--, other::---
    const disk = bytes('01000000 01000600 02000400e8030000 04000400 10000400 20000000');
    const wanted = bytes(
      '02000000 01000600ffffffff 02000400e8030000 04000400ffffffff 10000400ffffffff 20000000ffffffff',
    );
    expect(Buffer.from(aclToXattr(disk) ?? []).toString('hex')).toBe(Buffer.from(wanted).toString('hex'));
  });

  it.each(['', '02000000', '01000000 01', '01000000 02000400', '01000000 0200040000'])(
    'malformed as %j are told',
    (text) => {
      expect(aclToXattr(bytes(text))).toBeUndefined();
    },
  );
});
