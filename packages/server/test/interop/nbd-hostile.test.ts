import { afterEach, describe, expect, it, vi } from 'vitest';
import { nbdCorpus } from '../../../protocols/test/support/corpus.js';
import { cases, randomFrom, seed, soak } from '../../../protocols/test/support/fuzz.js';
import { mutateNbd } from '../../../protocols/test/support/mutate.js';
import { clientFlags, infoData, option, request } from '../../../protocols/test/support/nbd-client.js';
import type { NbdSettings } from '../../src/listeners/nbd/index.js';
import { manualTimers } from '../nbd/manual-timers.js';
import { createMemoryDisk, type MemoryDisk } from '../nbd/memory-disk.js';
import { optionTypes, rawClient, servedClient, type RawClient } from '../nbd/raw-client.js';
import { runWell, startNbd, type NbdLab } from './nbd-lab.js';

const labs: NbdLab[] = [];
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(labs.splice(0).map((lab) => lab.stop()));
});

async function serve(change: Partial<NbdSettings> = {}, disk: MemoryDisk = createMemoryDisk()) {
  const timers = manualTimers();
  const lab = await startNbd({ disk }, change, { timers });
  labs.push(lab);
  return { lab, disk, timers };
}

/** A client that is closed at the end of the test. */
const raw = async (port: number, localAddress?: string): Promise<RawClient> => {
  const client = await rawClient(port, localAddress);
  clients.push(client);
  return client;
};
const served = async (port: number, localAddress?: string) => {
  const client = await servedClient(port, 'disk', localAddress);
  clients.push(client);
  return client;
};

/** Another client finds everything as it should be. */
async function isServed(lab: NbdLab): Promise<void> {
  const client = await served(lab.port, '127.0.0.99');
  const [write, read] = await client.ask(
    { type: 1, cookie: 1n, offset: 77, payload: Buffer.from('still here') },
    { type: 0, cookie: 2n, offset: 77, length: 10 },
  );
  expect([write?.error, read?.data.toString()]).toEqual([0, 'still here']);
  client.send(request({ type: 2 }));
  await client.closed;
}

const quiet = (lab: NbdLab) => vi.waitFor(() => expect(lab.listener.active()).toEqual({ handshakes: 0, serving: 0 }));
const cutOffs = (lab: NbdLab) => lab.log.filter(({ message }) => message === 'NBD client cut off');

describe('a client that speaks no NBD', () => {
  it('is cut off, logged once, and disturbs nobody', async () => {
    const { lab } = await serve();
    for (let i = 0; i < 30; i += 1) {
      const client = await raw(lab.port);
      client.send(Buffer.from('GET / HTTP/1.1\r\nHost: disk\r\n\r\n'));
      await client.closed;
    }
    expect(cutOffs(lab)).toHaveLength(1);
    expect(cutOffs(lab)[0]?.fields).toMatchObject({
      peer: { address: '127.0.0.1' },
      reason: expect.any(String) as string,
    });
    await isServed(lab);
    await quiet(lab);
  });

  it('in its transmission phase is cut off too', async () => {
    const { lab } = await serve();
    const client = await served(lab.port);
    client.send(Buffer.from('GET / HTTP/1.1\r\nHost: disk\r\n\r\n'));
    await client.closed;
    await vi.waitFor(() => expect(lab.closed).toMatchObject([{ by: 'cut-off' }]));
    await isServed(lab);
  });

  it('may say anything at any time', soak, async () => {
    const random = randomFrom(seed);
    const { lab, disk } = await serve({ connectionsPerAddress: 4 });
    const originals = [...nbdCorpus.values()];
    for (let left = cases('server/nbd live sessions', 120); left > 0; left -= 1) {
      const name = Buffer.from('disk');
      const bytes = Buffer.from(mutateNbd(originals[random(originals.length)]!, random));
      // The sessions were recorded with an export called x: some of them get the name of ours.
      const at = bytes.indexOf('x', 20);
      const said =
        at > 0 && random(2) === 0 ? Buffer.concat([bytes.subarray(0, at), name, bytes.subarray(at + 1)]) : bytes;
      const client = await raw(lab.port);
      client.send(said);
      const leave = [() => client.socket.end(), () => client.close(), () => client.socket.resetAndDestroy()];
      leave[random(3)]!();
      if (random(10) === 0) await isServed(lab);
      client.close();
    }
    await isServed(lab);
    await quiet(lab);
    expect(lab.opened.length).toBe(lab.closed.length);
    expect(lab.log.filter(({ level }) => level === 'error')).toEqual([]);
    expect(disk.size).toBe(1 << 20);
  });
});

describe('a handshake', () => {
  it('that takes too long is cut off, however busy it is', async () => {
    const { lab, timers } = await serve({ handshakeTimeoutMs: 10_000 });
    const silent = await raw(lab.port);
    const slow = await raw(lab.port);
    for (const byte of Buffer.concat([clientFlags(3), option(8)])) {
      slow.send(Buffer.of(byte));
      timers.advance(400);
    }
    timers.advance(10_000);
    await Promise.all([silent.closed, slow.closed]);
    expect(cutOffs(lab)[0]?.fields.reason).toMatch(/too long/);
    await quiet(lab);
  });

  it('without end is ended', async () => {
    const { lab } = await serve();
    const client = await raw(lab.port);
    client.send(clientFlags(3), ...Array.from({ length: 10_000 }, () => option(4711)));
    await client.closed;
    expect(cutOffs(lab)[0]?.fields.reason).toMatch(/more than 64 options/);
    await isServed(lab);
  });

  it('that announces gigabytes is ended before they come', async () => {
    const { lab } = await serve();
    const client = await raw(lab.port);
    client.send(clientFlags(3), option(8), Buffer.from('IHAVEOPT\0\0\0\x07\xff\xff\xff\xff', 'latin1'));
    await client.closed;
    expect(cutOffs(lab)[0]?.fields.reason).toMatch(/bytes of options/);
  });

  it('that is half closed is over', async () => {
    const { lab } = await serve();
    const client = await raw(lab.port);
    client.send(clientFlags(3));
    client.socket.end();
    await client.closed;
    await quiet(lab);
    expect(cutOffs(lab)).toEqual([]);
  });

  it('is one of few that an address may have under way, and others are let in', async () => {
    const { lab } = await serve({ handshakesPerAddress: 3, handshakes: 5 });
    const greeted = async (address: string) => {
      const client = await raw(lab.port, address);
      return Promise.race([client.take(18).then(() => true), client.closed.then(() => false)]).catch(() => false);
    };
    expect(await Promise.all(Array.from({ length: 3 }, () => greeted('127.0.0.1')))).toEqual([true, true, true]);
    expect(await greeted('127.0.0.1')).toBe(false);
    expect([await greeted('127.0.0.2'), await greeted('127.0.0.2'), await greeted('127.0.0.3')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(lab.log.filter(({ message }) => message === 'NBD client not let in')).toHaveLength(2);
  });
});

describe('a client that wants too much', () => {
  const size = 64 << 20;

  /** A disk whose reads take memory. */
  function hungryDisk() {
    const disk = createMemoryDisk({ size });
    const plain = disk.read.bind(disk);
    let handed = 0;
    disk.read = (offset, length) => {
      if (length <= 4096) return plain(offset, length);
      handed += length;
      return Buffer.alloc(length, 1);
    };
    return { disk, handed: () => handed };
  }

  it('asks for 1000 x 32 MiB and reads none: memory is bounded, others are served, and it is cut off', async () => {
    const { disk, handed } = hungryDisk();
    const { lab, timers } = await serve({ stallTimeoutMs: 30_000 }, disk);
    const before = process.memoryUsage().arrayBuffers;
    const greedy = await served(lab.port);
    greedy.socket.pause();
    greedy.send(...Array.from({ length: 1000 }, (_, i) => request({ type: 0, cookie: BigInt(i), length: 32 << 20 })));
    await vi.waitFor(() => expect(handed()).toBeGreaterThan(0));
    await isServed(lab);
    expect(handed()).toBeLessThanOrEqual(64 << 20);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150 << 20);
    await vi.waitFor(() => expect(lab.listener.active().serving).toBe(1));
    for (let i = 0; i < 29; i += 1) timers.advance(1000);
    expect(lab.listener.active().serving).toBe(1);
    expect(greedy.socket.destroyed).toBe(false);
    for (let i = 0; i < 3; i += 1) timers.advance(1000);
    greedy.socket.resume();
    await greedy.closed;
    await vi.waitFor(() => expect(lab.closed.at(-1)).toMatchObject({ by: 'cut-off' }));
    await quiet(lab);
  });

  it('and its friends have all memory there is: others go on with what they need', async () => {
    const { disk, handed } = hungryDisk();
    const { lab } = await serve({ totalBytesInFlight: 64 << 20, bytesInFlight: 32 << 20 }, disk);
    for (const address of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']) {
      const greedy = await served(lab.port, address);
      greedy.socket.pause();
      greedy.send(...Array.from({ length: 10 }, (_, i) => request({ type: 0, cookie: BigInt(i), length: 32 << 20 })));
    }
    await vi.waitFor(() => expect(handed()).toBe(64 << 20));
    await isServed(lab);
    const modest = await served(lab.port, '127.0.0.5');
    const replies = await modest.ask(
      ...Array.from({ length: 20 }, (_, i) => ({ type: 0, cookie: BigInt(i), length: 1 << 20 })),
    );
    expect(replies.every(({ error, data }) => error === 0 && data.length === 1 << 20)).toBe(true);
  });

  it('announces writes it never sends: memory is bounded, and it is cut off', async () => {
    const { lab, timers, disk } = await serve({ stallTimeoutMs: 30_000 }, createMemoryDisk({ size }));
    const client = await served(lab.port);
    client.send(request({ type: 1, length: 32 << 20 }), Buffer.alloc(1000));
    await isServed(lab);
    // A byte now and then keeps nothing alive.
    for (let bytes = 0; bytes < 3; bytes += 1) {
      client.send(Buffer.alloc(1));
      await isServed(lab);
      timers.advance(15_000);
    }
    await client.closed;
    expect(cutOffs(lab)[0]?.fields).toMatchObject({
      export: 'memory',
      reason: expect.stringContaining('neither reads') as string,
    });
    expect(disk.log.filter(({ length }) => length > 1000)).toEqual([]);
  });

  it('never reads short replies either', async () => {
    const { lab, disk } = await serve();
    const client = await served(lab.port);
    client.socket.pause();
    const flushes = Buffer.concat(Array.from({ length: 20_000 }, (_, i) => request({ type: 3, cookie: BigInt(i) })));
    for (let i = 0; i < 50; i += 1) client.send(flushes);
    // The kernel's buffers take some megabytes of replies; a million of them do not fit.
    const stands = async (): Promise<void> => {
      const before = disk.log.length;
      await isServed(lab);
      // What the other client did.
      expect(disk.log.length - before).toBe(2);
    };
    await vi.waitFor(stands, { timeout: 60_000 });
    expect(disk.log.length).toBeLessThan(1_000_000);
  });

  it('has only so many connections', async () => {
    const { lab } = await serve({ connectionsPerAddress: 3 });
    const mine = [await served(lab.port), await served(lab.port), await served(lab.port)];
    await expect(served(lab.port)).rejects.toThrow('hung up');
    await isServed(lab);
    mine[0]!.close();
    await vi.waitFor(async () => expect((await served(lab.port)).socket.destroyed).toBe(false));
  });
});

it('a client that is gone without a word takes nothing with it', async () => {
  const disk = createMemoryDisk({ answers: 'held' });
  const { lab } = await serve({}, disk);
  const client = await served(lab.port);
  client.send(request({ type: 0, length: 4096 }), request({ type: 1, payload: Buffer.alloc(100) }));
  await vi.waitFor(() => expect(disk.held).toHaveLength(2));
  client.socket.resetAndDestroy();
  await vi.waitFor(() => expect(lab.requests[0]?.signal.aborted).toBe(true));
  // The disk is not closed under operations that are under way.
  expect([disk.closed, lab.closed.length]).toEqual([0, 0]);
  for (const held of disk.held) held.finish();
  await vi.waitFor(() => expect(lab.closed).toMatchObject([{ by: 'lost' }]));
  expect(disk.closed).toBe(1);
});

it('a half-closed client is answered what it had asked for', async () => {
  const { lab } = await serve({}, createMemoryDisk({ answers: 'later' }));
  const client = await served(lab.port);
  client.socket.end(
    Buffer.concat(Array.from({ length: 50 }, (_, i) => request({ type: 0, cookie: BigInt(i), length: 4096 }))),
  );
  await client.take(50 * (16 + 4096));
  await client.closed;
  expect(client.received()).toHaveLength(0);
  await vi.waitFor(() => expect(lab.closed).toMatchObject([{ by: 'lost', traffic: { readRequests: 50 } }]));
});

it('good clients are served while bad ones rage', async () => {
  const { lab } = await serve({}, createMemoryDisk({ size: 8 << 20, answers: 'later' }));
  let raging = true;
  const rage = (async () => {
    for (let i = 0; raging; i += 1) {
      const client = await raw(lab.port, `127.0.1.${(i % 200) + 1}`);
      client.send(clientFlags(3), option(7, infoData('disk')));
      await optionTypes(client).catch(() => []);
      client.send(i % 3 === 0 ? Buffer.alloc(100, 0xff) : request({ type: 0, length: 8 << 20 }));
      if (i % 3 === 1) client.socket.resetAndDestroy();
      if (i > 40) clients.shift()?.close();
    }
  })();
  const uri = lab.uri('disk');
  for (let i = 0; i < 5; i += 1) await runWell('nbdcopy', '--requests=16', uri, 'null:');
  await isServed(lab);
  raging = false;
  await rage;
});
