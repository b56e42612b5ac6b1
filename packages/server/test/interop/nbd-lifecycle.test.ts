import { afterEach, describe, expect, it, vi } from 'vitest';
import { clientFlags, infoData, metaData, option, request } from '../../../protocols/test/support/nbd-client.js';
import type { DiskOpened, DiskOpenRequest, ExportDirectory } from '../../src/app/disks/ports.js';
import {
  createNbdListener,
  defaultNbdSettings,
  type NbdListenerDeps,
  type NbdSettings,
} from '../../src/listeners/nbd/index.js';
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

async function serve(
  disk: MemoryDisk = createMemoryDisk(),
  deps: Partial<NbdListenerDeps> = {},
  change: Partial<NbdSettings> = {},
) {
  const timers = manualTimers();
  const lab = await startNbd({ disk, 'disk again': disk }, change, { timers, ...deps });
  labs.push(lab);
  return { lab, disk, timers };
}

const raw = async (port: number): Promise<RawClient> => {
  const client = await rawClient(port);
  clients.push(client);
  return client;
};
const served = async (port: number) => {
  const client = await servedClient(port, 'disk');
  clients.push(client);
  return client;
};

describe('a client that is at work', () => {
  it('is told of once a second, and one that only keeps its connection is not', async () => {
    const active: number[] = [];
    const { lab, timers } = await serve(undefined, { onActive: (connection) => active.push(connection) });
    const [busy] = [await served(lab.port), await served(lab.port)];
    timers.advance(1_000);
    expect(active).toEqual([]);
    await busy.ask({ type: 0, cookie: 1n, length: 512 }, { type: 0, cookie: 2n, length: 512 });
    timers.advance(1_000);
    expect(active).toHaveLength(1);
    timers.advance(10_000);
    expect(active).toHaveLength(1);
    await busy.ask({ type: 3, cookie: 3n });
    timers.advance(1_000);
    expect(active).toEqual([active[0], active[0]]);
  });
});

describe('stopping', () => {
  it('answers what is under way, closes every disk, and lets nobody in', async () => {
    const disk = createMemoryDisk({ answers: 'held' });
    const { lab } = await serve(disk);
    const [busy, idle, haggling] = [await served(lab.port), await served(lab.port), await raw(lab.port)];
    await haggling.take(18);
    const answer = busy.ask({ type: 0, cookie: 1n, length: 4096 }, { type: 1, cookie: 2n, payload: Buffer.from('x') });
    await vi.waitFor(() => expect(disk.held).toHaveLength(2));
    let stopped = false;
    const stopping = lab.stop().then(() => (stopped = true));
    await Promise.all([idle.closed, haggling.closed]);
    await expect(served(lab.port)).rejects.toThrow();
    await vi.waitFor(() => expect(disk.closed).toBe(1));
    expect(stopped).toBe(false);
    for (const held of disk.held) held.finish();
    expect((await answer).map(({ cookie, error }) => [cookie, error])).toEqual([
      [1n, 0],
      [2n, 0],
    ]);
    await stopping;
    expect(disk.closed).toBe(2);
    expect(lab.closed.map(({ by }) => by)).toEqual(['ended', 'ended']);
    expect(lab.listener.active()).toEqual({ handshakes: 0, serving: 0 });
  });

  it('does not take up what has come but not begun: the client asks the next server', async () => {
    const disk = createMemoryDisk({ answers: 'held' });
    const { lab } = await serve(disk, {}, { requestsInFlight: 1 });
    const client = await served(lab.port);
    client.send(
      request({ type: 0, cookie: 1n, length: 10 }),
      request({ type: 1, cookie: 2n, payload: Buffer.from('x') }),
    );
    await vi.waitFor(() => expect(disk.held).toHaveLength(1));
    const stopping = lab.stop();
    disk.held[0]!.finish();
    await stopping;
    await client.closed;
    expect(client.received()).toHaveLength(16 + 10);
    expect(disk.log).toHaveLength(1);
  });

  it('does not take back its last words from a client that has not read them yet', async () => {
    const size = 1 << 20;
    const disk = createMemoryDisk({ size, answers: 'held' });
    const { lab } = await serve(disk, {}, { requestsInFlight: 1 });
    const client = await served(lab.port);
    client.socket.pause();
    // What reaches a socket that is closed makes the kernel reset the connection and drop what it has not delivered.
    client.send(request({ type: 0, length: size }), request({ type: 1, length: 32 << 20 }), Buffer.alloc(1 << 20));
    await vi.waitFor(() => expect(disk.held).toHaveLength(1));
    const stopping = lab.stop();
    disk.held[0]!.finish();
    for (let turns = 0; turns < 200; turns += 1) {
      if (turns % 10 === 0) client.send(Buffer.alloc(10_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.socket.resume();
    expect(await client.take(16 + size)).toHaveLength(16 + size);
    await client.closed;
    await stopping;
  });

  it('does not wait for clients that do not hang up', async () => {
    const { lab, timers } = await serve(createMemoryDisk(), {}, { stopTimeoutMs: 3000 });
    const client = await served(lab.port);
    client.socket.pause();
    client.socket.allowHalfOpen = true;
    let stopped = false;
    const stopping = lab.stop().then(() => (stopped = true));
    timers.advance(2000);
    expect(stopped).toBe(false);
    timers.advance(2000);
    await stopping;
  });

  it('happens when its signal says so', async () => {
    const stop = new AbortController();
    const quiet = (): void => undefined;
    const listener = createNbdListener({
      settings: { ...defaultNbdSettings, listen: [{ host: '127.0.0.1', port: 0 }] },
      exports: { open: async () => ({ ok: false, reason: 'unknown', message: 'none' }) },
      timers: manualTimers(),
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    });
    await listener.start(stop.signal);
    const client = await raw(listener.addresses()[0]!.port);
    await client.take(18);
    stop.abort();
    await client.closed;
    await listener.stop();
  });
});

describe('listening', () => {
  it('names the address and the remedy when a port is taken, and leaves nothing open', async () => {
    const { lab } = await serve();
    const other = startNbd(
      {},
      {
        listen: [
          { host: '127.0.0.1', port: 0 },
          { host: '127.0.0.1', port: lab.port },
        ],
      },
    );
    await expect(other).rejects.toThrow(`NBD cannot listen on 127.0.0.1:${lab.port}`);
  });

  it('keeps connections alive, so that boards that lost power are found', async () => {
    const { lab } = await serve();
    await served(lab.port);
    await vi.waitFor(async () => {
      const connection = await runWell('ss', '-Htno', 'sport', '=', `:${lab.port}`);
      expect(connection).toMatch(/timer:\(keepalive,(\d+sec|1min)/);
    });
  });
});

describe('exports', () => {
  it('are opened once for all that a client asks of them, and closed with it', async () => {
    const { lab, disk } = await serve();
    const client = await raw(lab.port);
    await client.take(18);
    client.send(clientFlags(3), option(8));
    await optionTypes(client);
    const about = [
      option(6, infoData('disk')),
      option(9, metaData('disk', [])),
      option(10, metaData('disk', [])),
      option(7, infoData('disk')),
    ];
    for (const each of about) {
      client.send(each);
      await optionTypes(client);
    }
    expect(lab.requests.map(({ name }) => name)).toEqual(['disk']);
    expect(disk.closed).toBe(0);
    client.close();
    await vi.waitFor(() => expect(disk.closed).toBe(1));
  });

  it('that a client only looked at are closed when it names another, or leaves', async () => {
    const { lab, disk } = await serve();
    const client = await raw(lab.port);
    await client.take(18);
    client.send(clientFlags(3));
    for (const [name, closed] of [
      ['disk', 0],
      ['disk again', 1],
      ['nobody', 2],
      ['disk', 2],
    ] as const) {
      client.send(option(6, infoData(name)));
      await optionTypes(client);
      expect(disk.closed).toBe(closed);
    }
    client.send(option(2));
    await client.closed;
    await vi.waitFor(() => expect(disk.closed).toBe(3));
    expect(lab.opened).toEqual([]);
  });

  const directory = (open: (request: DiskOpenRequest) => Promise<DiskOpened>): { exports: ExportDirectory } => ({
    exports: { open },
  });

  it('know who asks, and how', async () => {
    const { lab } = await serve();
    await served(lab.port);
    expect(lab.requests[0]).toMatchObject({ name: 'disk', peerAddress: '127.0.0.1', tls: false });
    expect(lab.requests[0]!.signal.aborted).toBe(false);
  });

  it('can be taken over: the directory ends the connection there was', async () => {
    const disk = createMemoryDisk({ answers: 'held' });
    const open: DiskOpenRequest[] = [];
    const { lab } = await serve(
      disk,
      directory(async (request) => {
        open.at(-1)?.connection.end('the board has connected anew');
        open.push(request);
        return { ok: true, export: disk };
      }),
    );
    const first = await served(lab.port);
    const answer = first.ask({ type: 0, length: 10 });
    await vi.waitFor(() => expect(disk.held).toHaveLength(1));
    await served(lab.port);
    disk.held[0]!.finish();
    expect(await answer).toMatchObject([{ error: 0 }]);
    await first.closed;
    await vi.waitFor(() => expect(lab.closed).toMatchObject([{ by: 'ended', reason: 'the board has connected anew' }]));
    expect(new Set(open.map(({ connection }) => connection.id)).size).toBe(2);
  });

  it('that are opened when the client is gone are closed again', async () => {
    const disk = createMemoryDisk();
    let answer: ((opened: DiskOpened) => void) | undefined;
    let gone: AbortSignal | undefined;
    const { lab } = await serve(
      disk,
      directory((request) => {
        gone = request.signal;
        return new Promise((resolve) => (answer = resolve));
      }),
    );
    const client = await raw(lab.port);
    await client.take(18);
    client.send(clientFlags(3), option(7, infoData('disk')));
    await vi.waitFor(() => expect(answer).toBeDefined());
    client.socket.resetAndDestroy();
    await vi.waitFor(() => expect(gone?.aborted).toBe(true));
    answer!({ ok: true, export: disk });
    await vi.waitFor(() => expect(disk.closed).toBe(1));
    expect(lab.opened).toEqual([]);
  });

  it('that are described wrongly are not offered, and the log says why', async () => {
    const disk = createMemoryDisk({ size: 1000, blockSize: { minimum: 512, preferred: 4096, maximum: 1 << 20 } });
    const { lab } = await serve(disk);
    await expect(served(lab.port)).rejects.toThrow('refused');
    expect(lab.log.find(({ level }) => level === 'error')?.fields).toEqual({
      export: 'memory',
      fault: 'size 1000 is no multiple of the minimum block size 512',
    });
    expect(disk.closed).toBe(1);
  });

  it('of a directory that fails end the connection, and nothing else', async () => {
    const { lab } = await serve(
      createMemoryDisk(),
      directory(() => Promise.reject(new Error('no directory'))),
    );
    await expect(served(lab.port)).rejects.toThrow('hung up');
    expect(lab.log.filter(({ level }) => level === 'error')).toHaveLength(1);
    await vi.waitFor(() => expect(lab.listener.active()).toEqual({ handshakes: 0, serving: 0 }));
  });

  it('have faults that are logged now and then, not each time', async () => {
    const disk = createMemoryDisk({ fail: () => new Error('a bad sector') });
    const { lab } = await serve(disk);
    const client = await served(lab.port);
    const replies = await client.ask(
      ...Array.from({ length: 100 }, (_, i) => ({ type: 0, cookie: BigInt(i), length: 1 })),
    );
    expect(replies.every(({ error }) => error === 5)).toBe(true);
    expect(lab.log.filter(({ message }) => message === 'a disk operation failed')).toHaveLength(1);
  });
});

describe('events', () => {
  it('tell who was served, how much, how long, and how it ended', async () => {
    const { lab, disk, timers } = await serve();
    const client = await served(lab.port);
    await client.ask(
      { type: 0, cookie: 1n, length: 4096 },
      { type: 0, cookie: 2n, length: 10, offset: 5 },
      { type: 1, cookie: 3n, payload: Buffer.alloc(100) },
      { type: 3, cookie: 4n },
      { type: 0, cookie: 5n, length: 1, offset: 1 << 30 },
    );
    timers.advance(7000);
    client.send(request({ type: 2 }));
    await client.closed;
    const event = await vi.waitFor(() => lab.closed[0] ?? expect.unreachable('it is not closed'));
    const peer = { address: '127.0.0.1', port: expect.any(Number) as number };
    expect(lab.opened).toEqual([{ connection: 1, peer, export: disk, tls: false }]);
    expect(event).toEqual({
      ...lab.opened[0],
      traffic: {
        readRequests: 2,
        readBytes: 4106,
        writeRequests: 1,
        writtenBytes: 100,
        otherRequests: 1,
        failedRequests: 1,
      },
      ms: 7000,
      by: 'disconnect',
    });
  });
});

it('a flush covers what other connections have written, when it is asked for behind their replies', async () => {
  const { lab, disk } = await serve(createMemoryDisk({ answers: 'later' }));
  const [one, other] = [await served(lab.port), await served(lab.port)];
  await one.ask({ type: 1, cookie: 1n, payload: Buffer.from('x') });
  await other.ask({ type: 3, cookie: 1n });
  expect(disk.log.map(({ kind }) => kind)).toEqual(['write', 'flush']);
});
