import { afterEach, describe, expect, it } from 'vitest';
import { tftpCorpus } from '../../../protocols/test/support/corpus.js';
import { randomFrom } from '../../../protocols/test/support/fuzz.js';
import { mutateTftp } from '../../../protocols/test/support/mutate.js';
import type { TftpListenerDeps, TftpSettings } from '../../src/listeners/tftp/index.js';
import { eventually } from './eventually.js';
import { clients, content, fetchWith, rawClient, sleep, startTftp, type RawClient, type TftpLab } from './tftp-lab.js';

const rrq = (name: string, options = '', mode = 'octet'): string => `\0\x01${name}\0${mode}\0${options}`;
const sized = 'tsize\x000\0blksize\x001468\0';
const ack = (block: number): Uint8Array => Uint8Array.of(0, 4, block >> 8, block & 0xff);
const files = new Map([['f', content(10_000)]]);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(change: Partial<TftpSettings> = {}, deps: Partial<TftpListenerDeps> = {}): Promise<TftpLab> {
  const lab = await startTftp(files, change, deps);
  closing.push(() => lab.stop());
  return lab;
}

async function client(): Promise<RawClient> {
  const raw = await rawClient();
  closing.push(() => raw.close());
  return raw;
}

describe('a transfer', () => {
  it('has a port of its own', async () => {
    const { port } = await server();
    const board = await client();
    board.send(rrq('f', sized), port);
    const oack = await board.next();
    expect(oack.port).not.toBe(port);
    expect(oack.bytes.toString('latin1')).toBe('\0\x06blksize\x001468\0tsize\x0010000\0');
  });

  it('that firmware ends after the OACK is a probe, and the next one is served', async () => {
    const lab = await server();
    const board = await client();
    board.send(rrq('f', sized), lab.port);
    const { port } = await board.next();
    board.send('\0\x05\0\0Early terminate\0', port);
    const [event] = await lab.ended(1);
    expect(event).toMatchObject({
      path: 'f',
      size: 10_000,
      bytes: 0,
      blksize: 1468,
      tsize: true,
      outcome: { kind: 'aborted', probe: true },
      client: { address: '127.0.0.1', port: board.port },
    });
    board.send(rrq('f', sized), lab.port);
    expect((await board.next()).bytes[1]).toBe(6);
  });

  it('is one for each port, however many ask for the same', async () => {
    const lab = await server();
    const boards = [await client(), await client(), await client()];
    for (const board of boards) board.send(rrq('f', sized), lab.port);
    const ports = await Promise.all(boards.map(async (board) => (await board.next()).port));
    expect(new Set(ports).size).toBe(3);
    expect(lab.listener.active()).toBe(3);
  });

  it('is not opened twice for a request that is repeated from the same port', async () => {
    const lab = await server();
    const board = await client();
    board.send(rrq('f', sized), lab.port);
    const first = await board.next();
    board.send(rrq('f', sized), lab.port);
    const second = await board.next();
    expect(second.port).toBe(first.port);
    expect(second.bytes).toEqual(first.bytes);
    expect(lab.listener.active()).toBe(1);
    board.send('\0\x05\0\0stop\0', first.port);
    expect(await lab.ended(1)).toMatchObject([{ repeats: 1 }]);
  });

  it('is given up for a different request from the same port', async () => {
    const lab = await server();
    const board = await client();
    board.send(rrq('f', sized), lab.port);
    await board.next();
    board.send(rrq('f', 'blksize\x001024\0'), lab.port);
    await board.next();
    expect(lab.listener.active()).toBe(1);
    expect(lab.events).toMatchObject([{ outcome: { kind: 'aborted', probe: false } }]);
  });

  it('takes no datagram from another port than the client’s', async () => {
    const lab = await server();
    const board = await client();
    const stranger = await client();
    board.send(rrq('f', sized), lab.port);
    const { port } = await board.next();
    stranger.send('\0\x05\0\0stop\0', port);
    stranger.send(ack(0), port);
    await sleep(50);
    expect(lab.listener.active()).toBe(1);
    expect(board.waiting()).toBe(0);
  });

  it('sends again to a silent client with growing patience', async () => {
    const limits = {
      blksize: 1468,
      windowsize: 64,
      timeoutSeconds: 30,
      firstWaitMs: 100,
      longestWaitMs: 200,
      tries: 3,
    };
    const lab = await server({ limits });
    const board = await client();
    board.send(rrq('f'), lab.port);
    for (let i = 0; i < 4; i += 1) expect((await board.next()).bytes.subarray(0, 4)).toEqual(Buffer.from([0, 3, 0, 1]));
    expect(await lab.ended(1)).toMatchObject([{ outcome: { kind: 'timed-out' }, retransmits: 3, answered: false }]);
    expect(lab.listener.active()).toBe(0);
  });

  it('ends when the client’s port is closed', async () => {
    const lab = await server();
    const board = await rawClient();
    board.send(rrq('f'), lab.port);
    await board.next();
    board.close();
    expect(await lab.ended(1)).toMatchObject([{ outcome: { kind: 'aborted', message: /closed its port/ } }]);
  });
});

describe('what is refused, in words', () => {
  it.each([
    ['a file that is not there', rrq('absent'), 1, /absent is not here/],
    ['a path out of the root', rrq('../../etc/passwd'), 2, /\.\. segment/],
    ['a backslash', rrq('a\\b'), 2, /backslash/],
    ['writing', '\0\x02f\0octet\0', 2, /read-only/],
    ['netascii', rrq('f', '', 'netascii'), 0, /octet/],
    ['a request that does not end', '\0\x01f\0oct', 4, /terminat/],
  ])('%s', async (_what, request, code, message) => {
    const lab = await server();
    const board = await client();
    const before = Date.now();
    board.send(request, lab.port);
    const { bytes } = await board.next();
    expect(Date.now() - before).toBeLessThan(3000);
    expect([...bytes.subarray(0, 4)]).toEqual([0, 5, 0, code]);
    expect(bytes.subarray(4, -1).toString()).toMatch(message);
    expect(lab.events).toMatchObject([{ outcome: { kind: 'rejected', code } }]);
  });

  it('nothing to what is no request', async () => {
    const { port } = await server();
    const board = await client();
    for (const noise of [ack(1), '\0', '', '\0\x05\0\0x\0', '\x09\x09\x09\x09']) board.send(noise, port);
    board.send(rrq('absent'), port);
    expect((await board.next()).bytes[1]).toBe(5);
    expect(board.waiting()).toBe(0);
  });

  it('tftp-hpa in its text mode, which it shows to its user', async () => {
    const { port } = await server();
    const text = (to: number, name: string, out: string) =>
      ['tftp', ['-m', 'ascii', '127.0.0.1', String(to), '-c', 'get', name, out]] as const;
    expect((await fetchWith(text, port, 'f')).said).toMatch(/ask in mode octet/);
  });

  it('more transfers than an address may have', async () => {
    const lab = await server({ transfersPerClient: 2 });
    const boards = [await client(), await client(), await client()];
    boards[0]!.send(rrq('f'), lab.port);
    boards[1]!.send(rrq('f'), lab.port);
    await Promise.all([boards[0]!.next(), boards[1]!.next()]);
    boards[2]!.send(rrq('f'), lab.port);
    expect((await boards[2]!.next()).bytes.toString('latin1')).toContain('this address has 2 transfers');
  });

  it('a flood of requests', async () => {
    const lab = await server({ requestBurst: 3, requestsPerSecond: 1 });
    const board = await client();
    for (let i = 0; i < 4; i += 1) {
      board.send(rrq(`absent-${i}`), lab.port);
      const { bytes } = await board.next();
      expect(bytes.toString('latin1')).toMatch(i < 3 ? /not here/ : /slow down/);
    }
  });
});

describe('the server’s own troubles', () => {
  it('a lookup that takes too long is answered, and its signal told', async () => {
    let signal: AbortSignal | undefined;
    const lab = await server(
      { openTimeoutMs: 100 },
      {
        open: (request) => {
          signal = request.signal;
          return new Promise(() => undefined);
        },
      },
    );
    const board = await client();
    board.send(rrq('f'), lab.port);
    expect((await board.next()).bytes.toString('latin1')).toMatch(/took longer than 0.1 s/);
    expect(signal?.aborted).toBe(true);
  });

  it('a lookup or a read that fails is an ERROR without the reason', async () => {
    const secret = new Error('EIO on /var/lib/secret');
    const failing = await server({}, { open: async () => Promise.reject(secret) });
    const board = await client();
    board.send(rrq('f'), failing.port);
    expect((await board.next()).bytes.toString('latin1')).toMatch(/could not look the file up/);
    const unreadable = await server(
      {},
      { open: async () => ({ ok: true, file: { size: 10, read: async () => Promise.reject(secret) } }) },
    );
    board.send(rrq('f'), unreadable.port);
    expect((await board.next()).bytes.toString('latin1')).toBe('\0\x05\0\0the server could not read the file\0');
    expect(unreadable.events).toMatchObject([{ outcome: { kind: 'failed', message: /EIO/ } }]);
  });

  it('stopping tells running clients', async () => {
    const lab = await server();
    const board = await client();
    board.send(rrq('f'), lab.port);
    await board.next();
    await lab.stop();
    expect((await board.next()).bytes.toString('latin1')).toMatch(/shutting down/);
    expect(lab.events).toMatchObject([{ outcome: { kind: 'failed' } }]);
  });

  it('a port that is taken is said with who has it', async () => {
    const { port } = await server();
    await expect(startTftp(files, { port })).rejects.toThrow(new RegExp(`127.0.0.1 port ${port}/udp: .*it`));
  });

  it('an address that is not there is said', async () => {
    await expect(startTftp(files, { addresses: ['192.0.2.1'] })).rejects.toThrow(/192.0.2.1.*no interface/);
  });
});

describe('packets gone wrong', () => {
  const count = Math.ceil(1000 * Number(process.env.DROVER_TEST_RUNS_FACTOR ?? 1));
  const seed = Number(process.env.DROVER_TEST_SEED ?? Date.now() & 0x7fff_ffff);

  it(
    'leave the server as it was, on the listening port and in a transfer',
    { timeout: 60_000 + count * 20 },
    async () => {
      console.log(`fuzz listeners/tftp: ${count} cases (DROVER_TEST_SEED=${seed})`);
      const limits = {
        blksize: 1468,
        windowsize: 64,
        timeoutSeconds: 1,
        firstWaitMs: 100,
        longestWaitMs: 100,
        tries: 1,
      };
      const lab = await server({ limits, requestBurst: 1e9 });
      const random = randomFrom(seed);
      const originals = [...tftpCorpus.values()];
      const mutated = (): Uint8Array => mutateTftp(originals[random(originals.length)]!, random);
      for (let i = 0; i < count; i += 1) {
        const board = await rawClient();
        board.send(mutated(), lab.port);
        board.send(rrq('f', sized), lab.port);
        const { port } = await board.next();
        board.send(mutated(), port);
        board.send(mutated(), port);
        board.close();
      }
      const { bytes, said } = await fetchWith(clients['curl']!, lab.port, 'f');
      expect(bytes && Buffer.compare(bytes, files.get('f')!), said).toBe(0);
      await eventually(() => expect(lab.listener.active()).toBe(0));
    },
  );
});

describe('single-port mode', () => {
  it('answers everything from the listening port', async () => {
    const lab = await server({ singlePort: true });
    const board = await client();
    board.send(rrq('f', sized), lab.port);
    expect((await board.next()).port).toBe(lab.port);
    board.send(ack(0), lab.port);
    const block = await board.next();
    expect([block.port, block.bytes.length]).toEqual([lab.port, 1472]);
    board.send(rrq('absent'), lab.port);
    expect((await board.next()).port).toBe(lab.port);
  });

  it.each(Object.entries(clients))('serves %s', async (_name, fetch) => {
    const lab = await server({ singlePort: true });
    const { bytes, said } = await fetchWith(fetch, lab.port, 'f');
    expect(bytes && Buffer.compare(bytes, files.get('f')!), said).toBe(0);
  });
});
