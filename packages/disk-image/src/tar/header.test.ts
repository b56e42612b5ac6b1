import { describe, expect, it } from 'vitest';
import { readTar } from '../../test/support/read-tar.js';
import { encodeHeader, typeFlag, type TarEntry } from './header.js';

const plain: TarEntry = {
  type: typeFlag.fifo,
  path: Buffer.from('a'),
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 5, nanoseconds: 0 },
};
const roundTrip = (entry: Partial<TarEntry>) => readTar(Buffer.concat(encodeHeader({ ...plain, ...entry })))[0];

describe('a tar header', () => {
  it('is one block when nothing needs more', () => {
    expect(Buffer.concat(encodeHeader(plain))).toHaveLength(512);
    expect(roundTrip({})).toMatchObject({ path: 'a', mode: 0o644, mtime: '5', xattrs: {} });
  });

  it.each([
    [{ seconds: 1_700_000_000, nanoseconds: 123_000_000 }, '1700000000.123000000'],
    [{ seconds: -5, nanoseconds: 0 }, '-5'],
    [{ seconds: -1, nanoseconds: 750_000_000 }, '-0.250000000'],
    [{ seconds: 0o100_000_000_000, nanoseconds: 1 }, `${0o100_000_000_000}.000000001`],
  ])('keeps the time %j', (mtime, text) => {
    expect(roundTrip({ mtime })?.mtime).toBe(text);
  });

  it('keeps large owners, sizes and long names, whose record lengths count themselves', () => {
    expect(roundTrip({ uid: 2_097_151 })?.uid).toBe(2_097_151);
    expect(roundTrip({ uid: 2_097_152, gid: 4_294_967_294 })).toMatchObject({ uid: 2_097_152, gid: 4_294_967_294 });
    expect(roundTrip({ size: 10 * 1024 ** 3 })?.size).toBe(10 * 1024 ** 3);
    for (let length = 85; length < 130; length++) {
      const path = Buffer.alloc(length, 'x');
      expect(roundTrip({ path, type: typeFlag.symlink, link: path })).toMatchObject({
        path: path.toString(),
        link: path.toString(),
      });
    }
  });

  it('keeps binary attribute values', () => {
    const value = Uint8Array.of(0, 0x0a, 0x3d, 0xff);
    expect(roundTrip({ xattrs: [{ name: 'user.a=b', value }] })?.xattrs).toEqual({ 'user.a%3Db': '000a3dff' });
  });
});
