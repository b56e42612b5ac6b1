import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntimeStage, powerCycle } from '@drover/simulator';
import type { TimelineEntry } from '@drover/contract';
import type { ServedClient } from '../nbd/raw-client.js';
import { Host, startIsolationLab, type IsolationLab, type LabBoard } from './isolation-lab.js';
import { curl, sleep } from './netboot-lab.js';

// No board can read what is another's: each way across is tried, over real sockets, and refused.

const nonces = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(32)) as [string, string, string, string];
const [readCommand, writeCommand] = [0, 1];
const own = { mode: '0600', uid: 0, gid: 0, size: 30, sha256: '', updatedAt: '' };
/** How long a board that started again may wait for its credential, in ms; a busy machine gets as much again. */
const restartMs = 6_000;

let lab: IsolationLab;
const offs: AbortController[] = [];
const switchOn = (): AbortController => {
  const off = new AbortController();
  offs.push(off);
  return off;
};
beforeAll(async () => {
  lab = await startIsolationLab();
});
afterAll(async () => {
  for (const off of offs) off.abort();
  await lab.close();
});

/** A board that is up: it has proved itself, has its disk, and asks for others. */
async function up(board: LabBoard, nonce = nonces[0]) {
  const host = await board.start();
  const granted = await host.exchange(nonce);
  expect(granted.text).toMatch(/^nbdExport=/m);
  const nbd = await host.attach();
  const off = switchOn();
  const disks = host.stayUp(off.signal);
  expect((await host.ask('POST', 'reports?step=up&state=ok&uptime=9&message=')).status).toBe(204);
  for (const end = Date.now() + 10_000; disks.list() === undefined && Date.now() < end;) await sleep(20);
  return { host, nbd, off, list: disks.list()! };
}

const write = async (nbd: ServedClient, offset: number, payload: Buffer): Promise<number | undefined> =>
  (await nbd.ask({ type: writeCommand, cookie: 1n, offset, length: payload.length, payload }))[0]?.error;
const read = async (nbd: ServedClient, offset: number, length: number): Promise<Buffer | undefined> =>
  (await nbd.ask({ type: readCommand, cookie: 2n, offset, length }))[0]?.data;

const timelineOf = async (session: string, until: (entries: readonly TimelineEntry[]) => boolean) => {
  for (const end = Date.now() + 20_000; ; await sleep(50)) {
    const items = await lab.store.read((tx) => tx.sessions.timeline(session, 0, 1_000));
    const entries = items.map(({ entry }) => entry);
    if (until(entries)) return entries;
    if (Date.now() > end) throw new Error(JSON.stringify(entries, null, 1));
  }
};
const impostorsIn = (entries: readonly TimelineEntry[]) =>
  entries.filter((entry) => entry.type === 'exchange' && entry.outcome === 'impostor');
const eventsOf = async (device: string, count: number) => {
  for (const end = Date.now() + 10_000; ; await sleep(50)) {
    const all = await lab.store.read((tx) => tx.events.list({ after: 0, limit: 500, subject: device }));
    const events = all.filter(({ type }) => type === 'device.impostor');
    if (events.length >= count || Date.now() > end) return events;
  }
};

describe('a board among others', () => {
  let a: Awaited<ReturnType<typeof up>>;
  let b: Awaited<ReturnType<typeof up>>;
  let boardB: LabBoard;
  const token = `token of b ${randomBytes(8).toString('hex')}`;
  beforeAll(async () => {
    const boardA = await lab.addBoard('10000000a0000001', '127.60.0.1', true);
    boardB = await lab.addBoard('10000000b0000002', '127.60.0.2', true);
    await lab.store.transaction((tx) =>
      tx.deviceFiles.put(boardB.device, { ...own, path: '/etc/token', content: Buffer.from(token) }),
    );
    [a, b] = [await up(boardA), await up(boardB)];
  });

  it('has its own identity and files, and no other has', async () => {
    const mine = await b.host.ask('GET', 'identity');
    expect(mine.text).toContain(token);
    expect((await a.host.ask('GET', 'identity')).text).not.toContain(token);
  });

  it.each([
    ['GET', 'root'],
    ['GET', 'identity'],
    ['GET', 'files'],
    ['GET', 'boot'],
    ['GET', 'config'],
    ['GET', 'delta'],
    ['GET', `card?nonce=${nonces[0]}`],
    ['GET', 'disks?known=&has=&busy='],
    ['POST', 'reports?step=up&state=failed&uptime=9&message='],
  ] as const)('%s %s of another is refused to it', async (method, what) => {
    const session = b.host.session;
    for (const authorization of [a.host.bearer, `Secret ${a.host.secret}`, 'Bearer', '']) {
      const answer = await a.host.ask(method, what, { session, authorization });
      expect([authorization.slice(0, 6), answer.status]).toEqual([authorization.slice(0, 6), 403]);
      expect(answer.text).not.toContain(token);
    }
  });

  it('cannot beat for another, nor use its secret for another', async () => {
    const session = b.host.session;
    const form = 'health=ok&uptime=1';
    expect((await a.host.ask('POST', 'beat', { session, body: form })).status).toBe(403);
    const body = `secret=${a.host.secret}&nonce=${nonces[0]}`;
    expect((await a.host.ask('POST', 'exchange', { session, body, authorization: '' })).status).toBe(403);
    expect((await b.host.ask('GET', 'identity')).status).toBe(200);
  });

  it('is told of its own data disk, and not of another’s', () => {
    const listed = (text: string) => text.split('\n').filter((line) => line.startsWith('disk='));
    expect(listed(a.list.text)).toHaveLength(1);
    expect(listed(b.list.text)).toHaveLength(1);
    expect(a.list.text).not.toContain(boardB.data);
  });

  it('cannot open another’s disk, by whatever name, from its address', async () => {
    const { nbdExport: ofB = '', nbdSecret: moveB = '' } = b.host.lines;
    const { nbdExport: ofA = '', nbdSecret: moveA = '' } = a.host.lines;
    const [sessionA = '', diskA = '', tagA = ''] = ofA.split('.');
    const [sessionB = '', diskB = '', tagB = ''] = ofB.split('.');
    const data =
      b.list.text
        .split('\n')
        .find((line) => line.startsWith('disk='))
        ?.split(':')
        .at(-1) ?? '';
    expect(data).toContain(boardB.data);
    // The names are genuine: to their board they open.
    for (const name of [data, ofB, `${ofB}.${moveB}`]) (await b.host.attach(name)).close();
    const tried = [
      ...[ofB, data, `${ofB}.${moveA}`, `${data}.${moveA}`],
      ...[`${sessionA}.${diskB}.${tagA}`, `${sessionA}.${diskB}.${tagB}`, `${sessionB}.${diskB}.${tagA}`],
      ...[`${sessionA}.${boardB.data}.${tagA}`, `${sessionB}.image.${tagB}`, `${sessionA}.image.${tagA}`],
      ...[diskB, boardB.data!, 'image', '', `${diskA}/../${diskB}`, `../disks/${diskB}`],
    ];
    for (const name of tried) await expect(a.host.attach(name), name).rejects.toThrow('the export was refused');
    const guess = () => `${sessionB}.${diskB}.${randomBytes(16).toString('hex')}`;
    // Whoever was refused is in his handshake still, of which an address may have so many.
    for (let i = 0; i < 40; i += 1)
      await expect(a.host.attach(guess())).rejects.toThrow(/the export was refused|hung up/);
    expect(await write(a.nbd, 40 << 20, Buffer.from('a'))).toBe(0);
    expect(await write(b.nbd, 40 << 20, Buffer.from('b'))).toBe(0);
    expect((await read(a.nbd, 40 << 20, 1))?.toString()).toBe('a');
  });

  it('leaves nothing of itself in files that everybody may fetch, but a secret that is not used yet', async () => {
    const prefix = boardB.identity.shortSerial;
    const secrets = await lab.store.read((tx) => tx.devices.secrets(boardB.device));
    const keys = Object.entries(secrets!.sshHostKeys).filter(([name]) => !name.endsWith('.pub'));
    expect(keys).toHaveLength(3);
    const hidden = [
      ...[token, secrets!.machineId, b.host.lines['nbdExport']!, b.host.lines['nbdSecret']!, b.host.secret],
      ...b.host.lines['credential']!.split('.'),
      // A line within a key, as a file may have it with other line ends.
      ...keys.map(([, key]) => key.split('\n')[3]!),
    ];
    const names = [...lab.bootFiles.keys(), 'drover.img', 'tryboot.txt', 'drover/card.conf', 'etc/token', 'identity'];
    let fetched = 0;
    for (const name of names) {
      for (const url of [`${lab.tftpUrl}/${prefix}/${name}`, `${lab.httpUrl()}/netboot/${prefix}/${name}`]) {
        const bytes = await curl(url);
        if (bytes === undefined) continue;
        fetched += 1;
        for (const text of hidden) expect([name, bytes.includes(text)]).toEqual([name, false]);
      }
    }
    expect(fetched).toBeGreaterThanOrEqual(2 * lab.bootFiles.size);
    const offered = new Host((await curl(`${lab.tftpUrl}/${prefix}/cmdline.txt`))!.toString(), '127.60.0.1');
    expect(offered.session).not.toBe(b.host.session);
    // Reading its files is not being the board: that goes on, and this is refused.
    expect((await offered.exchange(nonces[1])).text).toContain('another board of this identity is up');
    expect(await write(b.nbd, 0x100000, Buffer.from('still here'))).toBe(0);
  });

  it('whose secret somebody uses after it is shut out with him, and so is its disk', async () => {
    const board = await lab.addBoard('10000000c0000003', '127.60.0.3');
    const c = await up(board);
    const thief = Object.assign(Object.create(Host.prototype) as Host, c.host, { address: '127.60.0.66', lines: {} });
    const stolen = await thief.exchange(nonces[1]);
    expect([stolen.status, stolen.text.includes('used-twice')]).toEqual([403, true]);
    await c.nbd.closed;
    expect((await c.host.ask('GET', 'identity')).status).toBe(403);
    await expect(c.host.attach()).rejects.toThrow('the export was refused');
  });
});

describe('who copies serial and MAC', () => {
  it('while the real board is up gets nothing of it, and takes nothing from it', async () => {
    const board = await lab.addBoard('10000000d0000011', '127.60.1.1');
    const real = await up(board);
    const block = randomBytes(4096);
    expect(await write(real.nbd, 40 << 20, block)).toBe(0);

    // One packet, and all of a boot's files.
    const impostor = await board.start('127.60.1.66');
    expect(impostor.session).not.toBe(real.host.session);
    expect((await read(real.nbd, 40 << 20, 4096))?.equals(block)).toBe(true);
    expect((await real.host.ask('GET', 'identity')).status).toBe(200);

    const answers = Promise.all([impostor.exchange(nonces[1]), impostor.exchange(nonces[1])]);
    expect(await write(real.nbd, 41 << 20, block)).toBe(0);
    for (const answer of await answers) {
      expect(answer.status).toBe(403);
      expect(answer.text).toContain('another board of this identity is up');
      expect(answer.text).not.toMatch(/credential=|nbdExport=/);
    }
    expect((await impostor.exchange(nonces[1])).status).toBe(403);
    impostor.lines = real.host.lines;
    await expect(impostor.attach()).rejects.toThrow('the export was refused');

    expect((await read(real.nbd, 41 << 20, 4096))?.equals(block)).toBe(true);
    expect((await real.host.ask('GET', 'identity')).status).toBe(200);
    (await real.host.attach()).close();

    const addresses = {
      address: '127.60.1.66',
      other: { session: real.host.session, address: '127.60.1.1', isUp: true },
    };
    const asked = await timelineOf(impostor.session, (all) => all.some(({ type }) => type === 'session.ended'));
    expect(impostorsIn(asked)).toMatchObject([addresses]);
    const seen = await timelineOf(real.host.session, (all) => impostorsIn(all).length > 0);
    expect(impostorsIn(seen)).toMatchObject([
      { address: '127.60.1.1', other: { session: impostor.session, address: '127.60.1.66', isUp: false } },
    ]);
    const [session, realOne] = await lab.store.read(async (tx) => [
      await tx.sessions.get(impostor.session),
      await tx.sessions.get(real.host.session),
    ]);
    expect(session).toMatchObject({ outcome: 'revoked', verdict: { fault: 'impostor' } });
    expect(session?.verdict?.message).toMatch(/127\.60\.1\.66.*127\.60\.1\.1/);
    expect(realOne?.outcome).toBe('up');
    expect(await eventsOf(board.device, 1)).toMatchObject([
      {
        data: {
          ...{ session: real.host.session, address: '127.60.1.1' },
          ...{ impostorSession: impostor.session, impostorAddress: '127.60.1.66' },
        },
      },
    ]);

    // Again and again; the board is still there when the boot plane has started anew.
    await lab.planeDown();
    await lab.planeUp();
    const nbd = await real.host.attach();
    const next = await board.start('127.60.1.66');
    expect((await next.exchange(nonces[2])).text).toContain('another board of this identity is up');
    expect((await read(nbd, 41 << 20, 4096))?.equals(block)).toBe(true);
  });

  it('is no reason for the real board to wait long when it starts again, with what it has written', async () => {
    const board = await lab.addBoard('10000000d0000012', '127.60.1.2');
    const before = await up(board);
    const block = randomBytes(4096);
    expect(await write(before.nbd, 40 << 20, block)).toBe(0);
    // Its power is cut: connections stay as they are, and nobody answers on them.
    before.off.abort();
    const again = await board.start();
    const began = performance.now();
    const granted = await again.exchange(nonces[1]);
    expect(performance.now() - began).toBeLessThan(restartMs);
    expect(granted.status).toBe(200);
    await before.nbd.closed;
    const nbd = await again.attach();
    expect((await read(nbd, 40 << 20, 4096))?.equals(block)).toBe(true);
    expect((await before.host.ask('GET', 'identity')).status).toBe(403);
    expect((await before.host.ask('GET', 'disks?known=&has=&busy=')).status).toBe(403);
    await expect(before.host.attach()).rejects.toThrow('the export was refused');
    expect((await before.host.exchange(nonces[0])).text).toContain('over');
    expect(await eventsOf(board.device, 0)).toEqual([]);
  });

  it('before the real board is on is taken for it; the real one has its next boot when he is gone', async () => {
    const board = await lab.addBoard('10000000d0000013', '127.60.1.3');
    const impostor = await board.start('127.60.1.66');
    expect((await impostor.exchange(nonces[1])).status).toBe(200);
    expect((await impostor.ask('GET', 'identity')).text).toContain('etc/machine-id');
    const taken = await impostor.attach();
    expect(await write(taken, 40 << 20, Buffer.from('his'))).toBe(0);
    // He does not act as a running system: the real board is granted its boot, and he loses what he had.
    const real = await board.start();
    expect((await real.exchange(nonces[0])).status).toBe(200);
    await taken.closed;
    expect((await impostor.ask('GET', 'identity')).status).toBe(403);
    await expect(impostor.attach()).rejects.toThrow('the export was refused');
    // But what he wrote is there.
    expect((await read(await real.attach(), 40 << 20, 3))?.toString()).toBe('his');
  });

  it('before the real board is on, and then acts as if he was it, keeps the real one out; it is told with both addresses', async () => {
    const board = await lab.addBoard('10000000d0000014', '127.60.1.4');
    const impostor = await board.start('127.60.1.66');
    await impostor.exchange(nonces[1]);
    impostor.stayUp(switchOn().signal);
    await sleep(200);
    const real = await board.start();
    expect((await real.exchange(nonces[0])).text).toContain('another board of this identity is up');
    await timelineOf(real.session, (all) => impostorsIn(all).length > 0);
    expect(await eventsOf(board.device, 1)).toMatchObject([
      { data: { address: '127.60.1.66', impostorAddress: '127.60.1.4' } },
    ]);
  });

  it('and uses the secret of the real board before it is shut out with it', async () => {
    const board = await lab.addBoard('10000000d0000015', '127.60.1.5');
    const real = await board.start();
    const cmdline = (await curl(`${lab.tftpUrl}/${board.identity.shortSerial}/cmdline.txt`))!.toString();
    const impostor = new Host(cmdline, '127.60.1.66');
    expect(impostor.session).toBe(real.session);
    expect((await impostor.exchange(nonces[1])).status).toBe(200);
    expect((await real.exchange(nonces[0])).text).toContain('used-twice');
    expect((await impostor.ask('GET', 'identity')).status).toBe(403);
    await expect(impostor.attach()).rejects.toThrow('the export was refused');
  });
});

describe('simulated boards, from power-on to up', () => {
  it('the second of an identity is refused while the first is up, and up when that is off', async () => {
    const identity = (await lab.addBoard('10000000e0000021', '127.60.2.1')).identity;
    const device = await lab.provision(identity.shortSerial, { rootMode: 'ram' });
    const { dhcpPort, tftpPort } = lab;
    const cycle = (address: string, off?: AbortController) =>
      powerCycle({
        board: {
          ...{ identity, clockScale: 0.4, content: 'discard', hashes: false },
          network: { mode: 'relay', address, server: '127.0.0.1', dhcpPort, relayPort: dhcpPort, tftpPort },
        },
        osStage: createRuntimeStage({}, off?.signal),
      });
    const first = switchOn();
    expect(await cycle('127.60.2.1', first)).toMatchObject({ up: true });
    expect(await cycle('127.60.2.66')).toMatchObject({
      up: false,
      failure: 'os:exchange',
      message: expect.stringContaining('another board of this identity is up') as string,
    });
    expect(await eventsOf(device, 1)).toHaveLength(1);
    first.abort();
    const again = await cycle('127.60.2.1');
    expect(again).toMatchObject({ up: true });
  });
});
