import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Outbox } from './outbox.js';
import { createSlabPool } from './slab-pool.js';

/** A network that takes what it is given when the test says so; until then its memory is in use. */
function network() {
  const writes: Buffer[] = [];
  const waiting: (() => void)[] = [];
  const take = (chunks: readonly Buffer[], done: () => void): void => {
    const index = writes.push(Buffer.concat(chunks)) - 1;
    waiting.push(() => {
      writes[index] = Buffer.concat(chunks);
      done();
    });
  };
  const socket = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => take([chunk], done),
    writev: (chunks, done) =>
      take(
        chunks.map(({ chunk }) => chunk as Buffer),
        done,
      ),
  });
  const pool = createSlabPool(256, 4);
  const sent: [number, number][] = [];
  let total = 0;
  const returned: number[] = [];
  const outbox = new Outbox(
    socket,
    pool,
    { give: (memory) => void returned.push(memory.length) },
    {
      sent: (replies, cost, bytes) => {
        sent.push([replies, cost]);
        total += bytes;
      },
    },
  );
  const go = async (): Promise<void> => {
    waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { outbox, writes, sent, returned, go, socket, bytesSent: () => total };
}

function reply(outbox: Outbox, text: string, cost = 0, payload?: Uint8Array): void {
  const at = outbox.reserve(text.length);
  outbox.slab.set(Buffer.from(text), at);
  if (payload) outbox.append(payload);
  outbox.endReply(cost);
}

describe('replies', () => {
  it('that come together leave together', async () => {
    const { outbox, writes, sent, go } = network();
    reply(outbox, 'one', 1);
    reply(outbox, 'two', 2);
    expect(writes).toHaveLength(0);
    outbox.flush();
    expect(writes.map(String)).toEqual(['onetwo']);
    expect(sent).toEqual([]);
    await go();
    expect(sent).toEqual([[2, 3]]);
    expect(outbox.busy).toBe(false);
  });

  it('that come while others leave go next, all at once', async () => {
    const { outbox, writes, sent, go } = network();
    reply(outbox, 'one');
    outbox.flush();
    for (const text of ['two', 'three', 'four']) {
      reply(outbox, text);
      outbox.flush();
    }
    expect(writes.map(String)).toEqual(['one']);
    await go();
    expect(writes.map(String)).toEqual(['one', 'twothreefour']);
    await go();
    expect(sent).toEqual([
      [1, 0],
      [3, 0],
    ]);
  });

  it('with long payloads send them from where they are', async () => {
    const { outbox, writes, sent, go } = network();
    const payload = Buffer.alloc(20_000, 'x');
    reply(outbox, 'head', 20_000, payload);
    reply(outbox, 'next');
    outbox.flush();
    expect(String(writes[0])).toBe(`head${'x'.repeat(20_000)}next`);
    await go();
    expect(sent).toEqual([[2, 20_000]]);
  });

  it('give memory back when the payload in it has left, and at once when it was copied', async () => {
    const { outbox, returned, go } = network();
    const [copied, long, longer] = [Buffer.alloc(10), Buffer.alloc(20_000), Buffer.alloc(3 << 20)];
    reply(outbox, 'copied', 10, copied);
    outbox.lend(copied);
    expect(returned).toEqual([10]);
    for (const payload of [long, longer]) {
      reply(outbox, 'sent', payload.length, payload);
      outbox.lend(payload);
    }
    outbox.flush();
    expect(returned).toHaveLength(1);
    await go();
    expect(returned).toEqual([10, 20_000]);
    for (let i = 0; i < 3; i += 1) await go();
    expect(returned).toEqual([10, 20_000, 3 << 20]);
  });

  it('are released also when they end with a payload, and nothing follows', async () => {
    const { outbox, sent, go } = network();
    reply(outbox, 'head', 20_000, Buffer.alloc(20_000));
    outbox.flush();
    await go();
    expect(sent).toEqual([[1, 20_000]]);
    expect(outbox.busy).toBe(false);
  });

  it('longer than a megabyte leave in pieces, so that progress is seen', async () => {
    const { outbox, writes, sent, go, bytesSent } = network();
    reply(outbox, 'head', 5, Buffer.alloc((3 << 20) + 5, 'x'));
    outbox.flush();
    await go();
    expect([sent, bytesSent()]).toEqual([[[0, 0]], (1 << 20) + 4]);
    for (let i = 0; i < 3; i += 1) await go();
    expect(bytesSent()).toBe((3 << 20) + 9);
    expect(writes.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...writes.map(({ length }) => length))).toBeLessThanOrEqual((1 << 20) + 4);
    expect(Buffer.concat(writes).length).toBe((3 << 20) + 9);
    expect(sent.at(-1)).toEqual([1, 5]);
  });

  it('outgrow a slab, and slabs are used again only when they have left', async () => {
    const { outbox, writes, go } = network();
    const texts = Array.from({ length: 40 }, (_, i) => `reply number ${i} ${'.'.repeat(i)}`);
    for (const [i, text] of texts.entries()) {
      reply(outbox, text);
      if (i % 7 === 0) outbox.flush();
      if (i % 11 === 0) await go();
    }
    outbox.flush();
    for (let i = 0; i < 20; i += 1) await go();
    expect(Buffer.concat(writes).toString()).toBe(texts.join(''));
    expect(outbox.busy).toBe(false);
  });

  it('that are ready in the same turn of the event loop leave together', async () => {
    const { outbox, writes } = network();
    for (const text of ['one', 'two', 'three']) {
      reply(outbox, text);
      outbox.flushSoon();
      await Promise.resolve();
    }
    expect(writes).toHaveLength(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.map(String)).toEqual(['onetwothree']);
  });

  it('are not reported once the socket is closed', async () => {
    const { outbox, sent, go, socket } = network();
    reply(outbox, 'one');
    outbox.flush();
    reply(outbox, 'two');
    outbox.close();
    socket.on('error', () => undefined);
    socket.destroy(new Error('gone'));
    await go();
    outbox.flush();
    expect(sent).toEqual([]);
  });
});
