import { describe, expect, it } from 'vitest';
import { request, type ClientRequest } from '../../../../protocols/test/support/nbd-client.js';
import { errorWith } from '../../../test/nbd/memory-disk.js';
import { Bench, turn } from '../../../test/nbd/transmission-bench.js';
import { createPayloadBudget } from './payload-budget.js';

const cmd = { read: 0, write: 1, disc: 2, flush: 3, trim: 4, cache: 5, writeZeroes: 6, blockStatus: 7 };
const flag = { fua: 1, noHole: 2, df: 4, reqOne: 8, fastZero: 16 };

const write = (cookie: bigint, offset: number, text: string, flags = 0): ClientRequest => ({
  ...{ type: cmd.write, cookie, offset, flags },
  payload: Buffer.from(text),
});
const read = (cookie: bigint, offset: number, length: number, flags = 0): ClientRequest => ({
  ...{ type: cmd.read, cookie, offset, length, flags },
});

describe.each([
  ['simple replies', false],
  ['structured replies', true],
])('with %s', (_name, structured) => {
  describe.each(['at-once', 'later'] as const)('and a disk that answers %s', (answers) => {
    const bench = () => new Bench({ structured, disk: { answers } });

    it('what was written is read, in any size', async () => {
      const one = bench();
      const sizes = [1, 512, 4096, 16_384, 16_385, 65_536, 300_000];
      for (const [i, size] of sizes.entries()) {
        const text = String.fromCharCode(97 + i).repeat(size);
        await one.send(write(BigInt(2 * i), 1000, text), read(BigInt(2 * i + 1), 1000, size));
        // A READ next to a WRITE may see what was there before it: ask again.
        await one.send(read(99n, 1000, size));
        await turn();
        expect(one.replies.at(-1)).toMatchObject({ cookie: 99n, error: 0 });
        expect(one.replies.at(-1)!.data.toString()).toBe(text);
      }
      expect(one.transmission.traffic).toMatchObject({ readRequests: 14, writeRequests: 7, failedRequests: 0 });
    });

    it('every command is carried out with its flags', async () => {
      const one = bench();
      await one.send(
        write(1n, 0, 'abc', flag.fua),
        { type: cmd.flush, cookie: 2n },
        { type: cmd.trim, cookie: 3n, offset: 4096, length: 8192, flags: flag.fua },
        { type: cmd.cache, cookie: 4n, offset: 1, length: 2 },
        { type: cmd.writeZeroes, cookie: 5n, offset: 3, length: 4, flags: flag.noHole | flag.fua },
        { type: cmd.writeZeroes, cookie: 6n, offset: 5, length: 6, flags: flag.fastZero },
        { type: cmd.flush, cookie: 7n, flags: flag.fua },
      );
      expect(one.disk.log).toEqual([
        { kind: 'write', offset: 0, length: 3, fua: true },
        { kind: 'flush', offset: 0, length: 0 },
        { kind: 'trim', offset: 4096, length: 8192, fua: true },
        { kind: 'cache', offset: 1, length: 2 },
        { kind: 'writeZeroes', offset: 3, length: 4, fua: true, noHole: true, fast: false },
        { kind: 'writeZeroes', offset: 5, length: 6, fua: false, noHole: false, fast: true },
        { kind: 'flush', offset: 0, length: 0 },
      ]);
      expect(one.cookies.sort()).toEqual([1n, 2n, 3n, 4n, 5n, 6n, 7n]);
      expect(one.replies.every(({ error }) => error === 0)).toBe(true);
      expect(one.transmission.traffic).toMatchObject({ writeRequests: 1, writtenBytes: 3, otherRequests: 6 });
    });

    it('nothing is a thing that can be done', async () => {
      const one = bench();
      await one.send(read(1n, 1 << 20, 0), write(2n, 1 << 20, ''), { type: cmd.trim, cookie: 3n, offset: 1 << 20 });
      expect(one.replies.map(({ cookie, error }) => [cookie, error]).sort()).toEqual([
        [1n, 0],
        [2n, 0],
        [3n, 0],
      ]);
    });

    it.each([
      ['ENOSPC', 28],
      ['EDQUOT', 28],
      ['EROFS', 1],
      ['ENOTSUP', 95],
      ['ESHUTDOWN', 108],
      ['EIO', 5],
      ['whatever', 5],
    ])('a disk that fails with %s is told as %i, by every command', async (code, errno) => {
      const one = new Bench({ structured, disk: { answers, fail: () => errorWith(code) } });
      const others = [cmd.flush, cmd.trim, cmd.cache, cmd.writeZeroes].map((type) => ({ type, cookie: BigInt(type) }));
      await one.send(read(0n, 0, 10), write(1n, 0, 'x'), ...others);
      expect(one.replies.map(({ error }) => error)).toEqual(Array.from({ length: 6 }, () => errno));
      expect(one.events.length).toBe(errno === 5 ? 6 : 0);
      expect(one.transmission.traffic.failedRequests).toBe(6);
    });

    it('a refused request is answered, and the payload of a WRITE is skipped', async () => {
      const one = new Bench({ structured, disk: { answers, readOnly: true } });
      const text = 'x'.repeat(100_000);
      await one.send(write(1n, 0, text), read(2n, 0, 4), { type: 77, cookie: 3n }, read(4n, 1 << 20, 1));
      expect(one.replies.map(({ cookie, error }) => [cookie, error]).sort()).toEqual([
        [1n, 1],
        [2n, 0],
        [3n, 22],
        [4n, 22],
      ]);
      expect(one.disk.log.map(({ kind }) => kind)).toEqual(['read']);
    });

    it('DISC waits for what is under way', async () => {
      const one = bench();
      await one.send(read(1n, 0, 10), { type: cmd.disc }, read(2n, 0, 10));
      expect(one.events).toEqual(['disconnect']);
      one.transmission.finish();
      await turn();
      await turn();
      expect(one.cookies).toEqual([1n]);
      expect(one.events).toContain('finished');
    });

    it('a disk that reads another number of bytes fails, and nothing of it is sent', async () => {
      const one = new Bench({ structured, disk: { answers } });
      one.disk.read = () => (answers === 'at-once' ? Buffer.alloc(9) : Promise.resolve(Buffer.alloc(9)));
      await one.send(read(1n, 0, 10));
      expect(one.replies).toMatchObject([{ cookie: 1n, error: 5 }]);
      expect(one.events).toEqual([expect.stringContaining('10 bytes were to be read')]);
    });
  });

  it('replies come in the order the disk answers', async () => {
    const one = new Bench({ structured, disk: { answers: 'held' } });
    await one.send(read(1n, 0, 10), write(2n, 20, 'abc'), { type: cmd.flush, cookie: 3n }, read(4n, 40, 10));
    expect(one.disk.held.map(({ operation }) => operation.kind)).toEqual(['read', 'write', 'flush', 'read']);
    for (const i of [2, 3, 0, 1]) {
      one.disk.held[i]!.finish();
      await turn();
      await turn();
    }
    expect(one.cookies).toEqual([3n, 4n, 1n, 2n]);
  });
});

describe('structured replies', () => {
  const holes = { structured: true, disk: { holes: true } } as const;

  it('tell holes apart, and spell them out in a whole chunk', async () => {
    const one = new Bench(holes);
    await one.send(write(1n, 8192, 'x'.repeat(4096)));
    await one.send(read(2n, 0, 16_384), read(3n, 0, 16_384, flag.df), read(4n, 0, 8192, flag.df));
    const expected = Buffer.concat([Buffer.alloc(8192), Buffer.alloc(4096, 'x'), Buffer.alloc(4096)]);
    const [, apart, whole, hole] = one.replies;
    expect([apart!.chunks, whole!.chunks, hole!.chunks]).toEqual([[2, 1, 2], [1], [2]]);
    expect(apart!.data).toEqual(expected);
    expect(whole!.data).toEqual(expected);
  });

  it('are simple ones when all went well and there is nothing to tell', async () => {
    const one = new Bench({ structured: true });
    await one.send(write(1n, 0, 'x'), { type: cmd.flush, cookie: 2n });
    expect(one.replies.map(({ chunks }) => chunks)).toEqual([[], []]);
  });

  it('of nothing have no content', async () => {
    const one = new Bench({ structured: true });
    await one.send(read(1n, 0, 0));
    expect(one.replies).toMatchObject([{ error: 0, chunks: [0] }]);
  });

  it('say what is wrong', async () => {
    const one = new Bench({ structured: true });
    await one.send(read(1n, 1 << 20, 1), write(2n, 1 << 20, 'x'));
    expect(one.replies).toMatchObject([
      { error: 22, chunks: [0x8001], message: 'the range goes beyond the end of the export' },
      { error: 28, chunks: [0x8001] },
    ]);
  });

  it('tell the status of blocks', async () => {
    const one = new Bench({ structured: true });
    const status = (cookie: bigint, flags = 0) => ({ type: cmd.blockStatus, cookie, offset: 0, length: 20_480, flags });
    await one.send(write(1n, 8192, 'x'));
    await one.send(status(2n), status(3n, flag.reqOne));
    expect(one.replies.slice(1).map(({ extents }) => extents)).toEqual([
      [
        [8192, 3],
        [4096, 0],
        [8192, 3],
      ],
      [[8192, 3]],
    ]);
  });
});

describe('a client that asks for much', () => {
  it('has so many requests under way and no more, and goes on when one is answered', async () => {
    const one = new Bench({ requestsInFlight: 3, disk: { answers: 'held' } });
    await one.send(...Array.from({ length: 10 }, (_, i) => read(BigInt(i), i, 1)));
    expect(one.disk.held).toHaveLength(3);
    expect(one.socket.isPaused()).toBe(true);
    for (let i = 0; i < 10; i += 1) {
      one.disk.held[i]!.finish();
      await turn();
      await turn();
    }
    expect(one.cookies).toHaveLength(10);
    expect(one.socket.isPaused()).toBe(false);
  });

  it('has so many bytes under way, yet at least one request', async () => {
    const one = new Bench({ bytesInFlight: 1000, disk: { answers: 'held' } });
    await one.send(read(1n, 0, 600), read(2n, 0, 600), write(3n, 0, 'x'));
    expect(one.disk.held).toHaveLength(1);
    one.disk.held[0]!.finish();
    await turn();
    await turn();
    expect(one.disk.held).toHaveLength(3);
    const big = new Bench({ bytesInFlight: 1000, disk: { answers: 'held' } });
    await big.send(read(1n, 0, 100_000), read(2n, 0, 1));
    expect(big.disk.held).toHaveLength(1);
  });

  it('gets what was there when it asked, however late it reads it', async () => {
    for (const holes of [false, true]) {
      const one = new Bench({ slow: true, structured: true, disk: { holes } });
      const texts = Array.from({ length: 20 }, (_, i) =>
        String.fromCharCode(97 + i).repeat(i % 2 === 0 ? 100 : 40_000),
      );
      for (const [i, text] of texts.entries()) {
        await one.send(write(BigInt(100 + i), 0, text), read(BigInt(i), 0, text.length));
      }
      await one.drain();
      const found = new Map(one.replies.map(({ cookie, data }) => [cookie, data.toString()]));
      expect(texts.map((_, i) => found.get(BigInt(i)))).toEqual(texts);
    }
  });

  it('gets replies only as fast as it reads them', async () => {
    const one = new Bench({ requestsInFlight: 4, slow: true });
    await one.send(...Array.from({ length: 100 }, (_, i) => read(BigInt(i), 0, 100_000)));
    expect(one.disk.log.length).toBeLessThanOrEqual(4);
    expect(one.transmission.clientOwes).toBe(true);
    const before = one.transmission.bytesMoved;
    await one.drain();
    expect(one.cookies).toHaveLength(100);
    expect(one.transmission.clientOwes).toBe(false);
    expect(one.transmission.bytesMoved - before).toBe(one.written);
  });

  it('that never reads small replies is stopped too', async () => {
    const one = new Bench({ requestsInFlight: 4, slow: true });
    await one.send(...Array.from({ length: 1000 }, (_, i) => ({ type: cmd.flush, cookie: BigInt(i) })));
    expect(one.disk.log.length).toBeLessThanOrEqual(4);
    expect(one.socket.isPaused()).toBe(true);
  });

  it('waits for memory others have, except for a little', async () => {
    const budget = createPayloadBudget(2 << 20);
    const greedy = new Bench({ budget, disk: { answers: 'held', size: 8 << 20 } });
    const modest = new Bench({ budget, disk: { answers: 'held', size: 8 << 20 } });
    await greedy.send(read(1n, 0, 2 << 20));
    await modest.send(read(1n, 0, 1 << 20));
    expect(modest.disk.held).toHaveLength(1);
    await modest.send(read(2n, 0, 1));
    expect(modest.disk.held).toHaveLength(1);
    expect(modest.socket.isPaused()).toBe(true);
    greedy.disk.held[0]!.finish();
    await turn();
    await turn();
    expect(modest.disk.held).toHaveLength(2);
  });

  it('gives memory back when it is gone, when the disk is done with it', async () => {
    const one = new Bench({ disk: { answers: 'held' } });
    await one.send(read(1n, 0, 1000), write(2n, 0, 'abc'));
    expect(one.budget.used()).toBe(1003);
    let closed = false;
    const closing = one.transmission.close().then(() => (closed = true));
    await turn();
    expect(closed).toBe(false);
    for (const held of one.disk.held) held.finish(held.operation.kind === 'read' ? errorWith('EIO') : undefined);
    await closing;
    expect(one.budget.used()).toBe(0);
    expect(one.replies).toHaveLength(0);
  });

  it('owes the end of its WRITE', async () => {
    const one = new Bench();
    one.socket.push(request({ type: cmd.write, length: 1000 }));
    await turn();
    expect(one.transmission.clientOwes).toBe(true);
    one.socket.push(Buffer.alloc(990));
    await turn();
    expect([one.transmission.clientOwes, one.transmission.bytesMoved]).toEqual([true, 28 + 990]);
    one.socket.push(Buffer.alloc(10));
    await turn();
    expect(one.transmission.clientOwes).toBe(false);
    expect(one.replies).toHaveLength(1);
  });

  it('owes nothing while the disk takes its time', async () => {
    const one = new Bench({ disk: { answers: 'held' } });
    await one.send(read(1n, 0, 1));
    expect(one.transmission.clientOwes).toBe(false);
  });

  it('and speaks no NBD has to go', async () => {
    const one = new Bench();
    one.socket.push(Buffer.from('GET / HTTP/1.1\r\nHost: a-disk\r\n\r\n'));
    await turn();
    expect(one.events).toEqual(['fault: a request does not begin with the magic number']);
  });
});

describe('finishing', () => {
  it('takes up nothing more, answers what is under way, and then says so', async () => {
    const one = new Bench({ requestsInFlight: 1, disk: { answers: 'held' } });
    await one.send(read(1n, 0, 10), read(2n, 0, 10), write(3n, 0, 'x'));
    one.transmission.finish();
    await one.send(read(4n, 0, 10));
    expect(one.events).toEqual([]);
    one.disk.held[0]!.finish();
    await turn();
    await turn();
    expect(one.cookies).toEqual([1n]);
    expect(one.disk.log).toHaveLength(1);
    expect(one.events).toContain('finished');
  });
});
