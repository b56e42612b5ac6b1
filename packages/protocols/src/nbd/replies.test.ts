import { describe, expect, it } from 'vitest';
import { bytesOf, chunk, u16, u32, u64 } from '../../test/support/nbd-client.js';
import { encodeMessage } from './bytes.js';
import { chunkType, errno } from './constants.js';
import {
  chunkHeaderBytes,
  dataChunkHeaderBytes,
  encodeBlockStatusChunk,
  encodeErrorChunk,
  holeChunkBytes,
  putDataChunkHeader,
  putHoleChunk,
  putNoneChunk,
  putSimpleReply,
  simpleReplyBytes,
} from './replies.js';

const cookie = 0xfedc_ba98_7654_3210n;
const [high, low] = [0xfedc_ba98 | 0, 0x7654_3210];

/** What `put` writes at a place of its own, with nothing else touched. */
function written(length: number, put: (bytes: Uint8Array, at: number) => void): Uint8Array {
  const bytes = new Uint8Array(length + 10).fill(0xee);
  put(bytes, 5);
  expect(bytes.slice(0, 5)).toEqual(new Uint8Array(5).fill(0xee));
  expect(bytes.slice(-5)).toEqual(new Uint8Array(5).fill(0xee));
  return bytes.slice(5, -5);
}

describe('replies', () => {
  it('simple, good and bad', () => {
    for (const error of [0, errno.ENOSPC, errno.ESHUTDOWN]) {
      const reply = written(simpleReplyBytes, (bytes, at) => putSimpleReply(bytes, at, error, high, low));
      expect(reply).toEqual(bytesOf(u32(0x67446698), u32(error), u64(cookie)));
    }
  });

  it('structured, without payload', () => {
    const reply = written(chunkHeaderBytes, (bytes, at) => putNoneChunk(bytes, at, high, low));
    expect(chunk(reply)).toEqual({ flags: 1, type: chunkType.none, cookie, payload: bytesOf() });
  });

  it('structured, with data at offsets beyond 32 bits', () => {
    for (const [done, offset, length] of [
      [true, 0, 1],
      [false, 2 ** 32 - 1, 4096],
      [true, 2 ** 53 - 4096, 32 << 20],
      [true, 0x8000_0000, 0xffff_ffff - 8],
    ] as const) {
      const put = (bytes: Uint8Array, at: number) => putDataChunkHeader(bytes, at, done, high, low, offset, length);
      const header = written(dataChunkHeaderBytes, put);
      const expected = [u32(0x668e33ef), u16(done ? 1 : 0), u16(1), u64(cookie), u32(length + 8), u64(offset)];
      expect(header).toEqual(bytesOf(...expected));
    }
  });

  it('structured, with a hole', () => {
    const put = (bytes: Uint8Array, at: number) => putHoleChunk(bytes, at, false, high, low, 2 ** 40, 0xffff_0000);
    const payload = bytesOf(u64(2 ** 40), u32(0xffff_0000));
    expect(chunk(written(holeChunkBytes, put))).toEqual({ flags: 0, type: chunkType.offsetHole, cookie, payload });
  });

  it('structured, with an error and words for a person', () => {
    const payload = bytesOf(u32(errno.EPERM), u16(9), 'read-only');
    expect(chunk(encodeErrorChunk('EPERM', 'read-only', high, low))).toEqual({
      flags: 1,
      type: 0x8001,
      cookie,
      payload,
    });
    expect(encodeErrorChunk('EIO', 'x'.repeat(5000), high, low)).toHaveLength(20 + 6 + 256);
  });

  it('structured, with extents', () => {
    const extents = [
      { length: 65_536, flags: 0 },
      { length: 0xffff_0000, flags: 3 },
    ];
    const payload = bytesOf(u32(1), u32(65_536), u32(0), u32(0xffff_0000), u32(3));
    expect(chunk(encodeBlockStatusChunk(1, extents, high, low))).toEqual({ flags: 1, type: 5, cookie, payload });
  });
});

describe('messages', () => {
  it('are cut between characters, and have no NUL', () => {
    expect(encodeMessage('aé€😀', 100)).toEqual(bytesOf('aé€😀'));
    for (const [most, text] of [
      [1, 'a'],
      [2, 'a'],
      [3, 'aé'],
      [5, 'aé'],
      [6, 'aé€'],
      [9, 'aé€'],
      [10, 'aé€😀'],
    ] as const) {
      expect(encodeMessage('aé€😀', most), `${most} bytes`).toEqual(bytesOf(text));
    }
    expect(encodeMessage('a\0b', 100)).toEqual(bytesOf('ab'));
  });
});
