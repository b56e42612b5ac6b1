import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, soak } from '../../test/support/fuzz.js';
import { bytesOf, request, type ClientRequest } from '../../test/support/nbd-client.js';
import { splitAt } from '../../test/support/nbd-sessions.js';
import { command } from './constants.js';
import { createRequestParser, type NbdRequestParser } from './request-parser.js';

const heap = (length: number): Uint8Array => new Uint8Array(length);

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly cookie: bigint;
  readonly offset: number;
  readonly length: number;
  readonly payload?: Uint8Array;
}

const seen = (parser: NbdRequestParser): Seen => ({
  type: parser.type,
  flags: parser.flags,
  cookie: (BigInt(parser.cookieHigh >>> 0) << 32n) | BigInt(parser.cookieLow >>> 0),
  offset: parser.offset,
  length: parser.length,
});

/** Reads everything; payloads of WRITEs whose offset is odd are skipped. */
function readAll(chunks: readonly Uint8Array[], allocate = heap): { requests: Seen[]; fault: boolean } {
  const parser = createRequestParser();
  const requests: Seen[] = [];
  let writing: Seen | undefined;
  const queue = [...chunks];
  for (;;) {
    const parsed = parser.next();
    if (parsed === 'fault') return { requests, fault: true };
    if (parsed === 'more') {
      const chunk = queue.shift();
      if (!chunk) return { requests, fault: false };
      parser.push(chunk);
    } else if (parsed === 'payload') {
      requests.push({ ...writing!, payload: Uint8Array.from(parser.payload()) });
    } else if (parsed === 'skipped') {
      requests.push(writing!);
    } else if (parser.type !== command.write) {
      requests.push(seen(parser));
    } else if (parser.offset % 2 === 1) {
      writing = seen(parser);
      parser.skipPayload();
    } else {
      writing = seen(parser);
      const payload = parser.takePayload(allocate);
      if (payload) requests.push({ ...writing, payload: Uint8Array.from(payload) });
    }
  }
}

describe('a request', () => {
  it('is read with all its fields', () => {
    const bytes = request({
      type: 0x1234,
      flags: 0xabcd,
      cookie: 0xfedc_ba98_7654_3210n,
      offset: 2 ** 52 + 5,
      length: 0xffff_fffe,
    });
    expect(readAll([bytes]).requests).toEqual([
      { type: 0x1234, flags: 0xabcd, cookie: 0xfedc_ba98_7654_3210n, offset: 2 ** 52 + 5, length: 0xffff_fffe },
    ]);
  });

  it('has the low half of its offset for alignment, and an offset beyond any export when it is beyond 2^53', () => {
    const parser = createRequestParser();
    parser.push(request({ type: 0, offset: 0xffff_ffff_ffff_fffdn, length: 1 }));
    expect(parser.next()).toBe('request');
    expect(parser.offsetLow & 511).toBe(509);
    expect(parser.offset).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  });

  it('without the magic number ends it all, for good', () => {
    const parser = createRequestParser();
    parser.push(bytesOf('GET / HTTP/1.1\r\nHost: disk\r\n\r\n'));
    expect(parser.next()).toBe('fault');
    expect(parser.next()).toBe('fault');
  });
});

describe('a payload', () => {
  it('that came whole is a view of the chunk', () => {
    const chunk = request({ type: command.write, payload: bytesOf('twelve bytes') });
    const parser = createRequestParser();
    parser.push(chunk);
    parser.next();
    const payload = parser.takePayload(() => expect.unreachable('nothing needs to be allocated'));
    expect(payload?.buffer).toBe(chunk.buffer);
    expect(payload).toEqual(bytesOf('twelve bytes'));
  });

  it('that comes in pieces is copied once, into memory that was asked for once', () => {
    const bytes = request({ type: command.write, payload: bytesOf('twelve bytes') });
    const asked: number[] = [];
    const allocate = (length: number) => {
      asked.push(length);
      return heap(length);
    };
    const { requests } = readAll([...splitAt(bytes, [30, 33, 36])], allocate);
    expect(requests[0]?.payload).toEqual(bytesOf('twelve bytes'));
    expect(asked).toEqual([12]);
  });

  it('of nothing is nothing', () => {
    expect(readAll([request({ type: command.write })]).requests[0]?.payload).toEqual(bytesOf());
    expect(readAll([request({ type: command.write, offset: 1 }), request({ type: 3 })]).requests).toHaveLength(2);
  });

  it('that is skipped needs no memory, however long it is', () => {
    const header = request({ type: command.write, offset: 1, length: 0xffff_ffff });
    const parser = createRequestParser();
    parser.push(header);
    parser.next();
    parser.skipPayload();
    const megabyte = new Uint8Array(1 << 20);
    for (let left = 0xffff_ffff; left > 0; left -= megabyte.length) {
      expect(parser.next()).toBe('more');
      expect(parser.inPayload).toBe(true);
      parser.push(megabyte.subarray(0, Math.min(left, megabyte.length)));
    }
    expect(parser.next()).toBe('skipped');
    expect(parser.inPayload).toBe(false);
    expect(parser.next()).toBe('more');
    parser.push(request({ type: command.flush }));
    expect(parser.next()).toBe('request');
  });

  it('has to be taken or skipped, once', () => {
    const parser = createRequestParser();
    expect(() => parser.skipPayload()).toThrow('no WRITE in hand');
    parser.push(request({ type: command.write, payload: bytesOf('abc') }));
    parser.next();
    expect(() => parser.payload()).toThrow('not complete');
    expect(() => parser.next()).toThrow('neither taken nor skipped');
    parser.skipPayload();
    expect(() => parser.takePayload(heap)).toThrow('no WRITE in hand');
    expect(() => parser.push(bytesOf('x'))).toThrow('before the one pushed earlier');
  });
});

const anyRequest: fc.Arbitrary<ClientRequest> = fc.oneof(
  fc.record({
    type: fc.nat(0xffff).filter((type) => type !== command.write),
    flags: fc.nat(0xffff),
    cookie: fc.bigInt(0n, 2n ** 64n - 1n),
    offset: fc.maxSafeNat(),
    length: fc.nat(0xffff_ffff),
  }),
  fc.record({
    type: fc.constant(command.write),
    flags: fc.nat(0xffff),
    cookie: fc.bigInt(0n, 2n ** 64n - 1n),
    offset: fc.maxSafeNat(),
    payload: fc.uint8Array({ maxLength: 100 }),
  }),
);

it('any requests come out as they went in, wherever the chunks end', soak, () => {
  const cuts = fc.array(fc.nat(2000), { maxLength: 40 });
  holds('protocols/nbd requests in chunks', 2000, fc.tuple(fc.array(anyRequest, { maxLength: 12 }), cuts), (given) => {
    const [requests, at] = given;
    const bytes = bytesOf(...requests.map(request));
    const expected = requests.map(({ payload, length = 0, ...rest }) => ({
      ...rest,
      length: payload?.length ?? length,
      ...(payload && Number(rest.offset) % 2 === 0 ? { payload } : {}),
    }));
    expect(readAll(splitAt(bytes, at))).toEqual({ requests: expected, fault: false });
  });
});
