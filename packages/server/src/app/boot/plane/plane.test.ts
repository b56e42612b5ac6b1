import { describe, expect, it } from 'vitest';
import { deviceOf, planOf } from '../../../../test/boot/fixtures.js';
import { silentLog } from '../../../../test/boot/log.js';
import type { BootAnswer, Telemetry, WireIdentity } from '../ports.js';
import { createBoardBook } from './board-book.js';
import { createBoots } from './boots.js';
import { createIdentify } from './identify.js';
import { createLocateBoard } from './locate-board.js';

/** The boot plane's own memory and manners, with a control plane that does as the test says. */
function plane(neighbours: Record<string, string> = {}) {
  let now = 1_700_000_000_000;
  let ids = 0;
  const clock = { now: () => now };
  const pushed: Telemetry[] = [];
  const begun: string[] = [];
  const asked: WireIdentity[] = [];
  let answer: (wire: WireIdentity) => Promise<BootAnswer> = async () => ({ kind: 'ignore', reason: 'test' });
  const book = createBoardBook();
  const changed = () => undefined;
  const identify = createIdentify({
    backend: {
      identify: async (wire) => {
        asked.push(wire);
        return answer(wire);
      },
    },
    book,
    clock,
    log: silentLog,
    changed,
    patience: { known: 20, unknown: 200 },
  });
  const boots = createBoots({
    book,
    clock,
    ids: {
      next: (prefix) => `${prefix}_01JZ5M8K7Q2W3E4R5T6Y7V8B${(ids += 1).toString().padStart(2, '0')}`,
      randomHex: () => '',
    },
    log: silentLog,
    push: (item) => pushed.push(item),
    changed,
    opened: (boot) => begun.push(boot.track.id),
    sessionTtlSeconds: 600,
  });
  const locate = createLocateBoard({
    identify,
    book,
    neighbours: { macOf: async (ip) => neighbours[ip] },
    clock,
    site: 'default',
  });
  const request = (path: string, clientAddress = '10.0.0.9') =>
    locate({ path, clientAddress, localAddress: '10.0.0.1', transport: 'tftp' });
  return {
    book,
    identify,
    boots,
    request,
    asked,
    pushed,
    answers: (next: typeof answer) => (answer = next),
    wait: (ms: number) => (now += ms),
    now: () => now,
  };
}

const pi = deviceOf();
const bootable: BootAnswer = { kind: 'boot', device: pi, plan: planOf(), session: null };
const rom = deviceOf({
  id: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9R',
  model: 'pi3',
  firmware: 'rom',
  mac: 'b8:27:eb:b2:c3:d4',
  bootPrefix: null,
});
const romWire: WireIdentity = { site: 'default', mac: 'b8:27:eb:b2:c3:d4', firmware: 'rom', isPi: true };
const eeWire: WireIdentity = {
  site: 'default',
  mac: 'dc:a6:32:01:02:03',
  bootPrefix: '91cdf03d',
  firmware: 'ee',
  isPi: true,
};

describe('asking the control plane who a board is', () => {
  it('falls back on the last answer when it is slow or away, and does not ask again at once', async () => {
    const it_ = plane();
    it_.answers(async () => bootable);
    expect((await it_.identify(eeWire, 0))?.answer).toBe(bootable);
    it_.wait(1000);
    it_.answers(() => new Promise(() => undefined));
    expect((await it_.identify(eeWire, 0))?.answer).toBe(bootable);
    it_.answers(() => Promise.reject(new Error('away')));
    expect((await it_.identify(eeWire, 0))?.answer).toBe(bootable);
    expect(it_.asked).toHaveLength(2);
  });

  it('waits longer about a board of which it knows nothing, but not without end', async () => {
    const it_ = plane();
    it_.answers(() => new Promise((resolve) => setTimeout(() => resolve(bootable), 60)));
    expect((await it_.identify(eeWire, 0))?.answer).toBe(bootable);
    it_.answers(() => new Promise(() => undefined));
    expect(await it_.identify(romWire, 0)).toBeUndefined();
  });

  it('asks once for many requests at the same time', async () => {
    const it_ = plane();
    it_.answers(async () => bootable);
    await Promise.all(Array.from({ length: 10 }, () => it_.identify(eeWire, 0)));
    expect(it_.asked).toHaveLength(1);
  });

  it('leaves a stranger alone for a while', async () => {
    const it_ = plane();
    expect(await it_.identify(eeWire, 0)).toBeUndefined();
    expect(await it_.identify(eeWire, 0)).toBeUndefined();
    expect(it_.asked).toHaveLength(1);
    it_.wait(6000);
    await it_.identify(eeWire, 0);
    expect(it_.asked).toHaveLength(2);
  });
});

describe('whose a request is', () => {
  it('is told by the folder', async () => {
    const it_ = plane();
    it_.answers(async () => bootable);
    expect(await it_.request('91CDF03D/Start4.elf')).toMatchObject({ file: 'start4.elf', board: { answer: bootable } });
    expect(await it_.request('/dc-a6-32-01-02-03/kernel8.img')).toMatchObject({
      file: 'kernel8.img',
      board: { answer: bootable },
    });
  });

  it('is told by the address once the folder was dropped', async () => {
    const it_ = plane();
    it_.answers(async () => bootable);
    await it_.request('91cdf03d/start4.elf');
    expect((await it_.request('start4.elf'))?.board?.answer).toBe(bootable);
    expect((await it_.request('start4.elf', '10.0.0.10'))?.board).toBeUndefined();
    it_.wait(31 * 60_000);
    expect((await it_.request('start4.elf'))?.board).toBeUndefined();
  });

  it('of an unknown folder may be a new board’s when it is for a first file, and is not asked about without end', async () => {
    const it_ = plane();
    await it_.request('0badcafe/kernel8.img');
    await it_.request('0badcafe/config.txt');
    expect(it_.asked.map(({ isPi }) => isPi)).toEqual([false, true]);
    for (let i = 0; i < 100; i += 1) await it_.request(`${(i + 0x10000000).toString(16)}/config.txt`);
    expect(it_.asked).toHaveLength(8);
    for (let i = 0; i < 200; i += 1) await it_.request(`${(i + 0x20000000).toString(16)}/config.txt`, `10.0.1.${i}`);
    expect(it_.asked).toHaveLength(60);
    it_.wait(60_000);
    await it_.request('30000000/config.txt');
    expect(it_.asked).toHaveLength(61);
  });

  it('of a boot ROM is told by the ARP table, or by being the only one that waits', async () => {
    const it_ = plane({ '10.0.0.20': 'b8:27:eb:b2:c3:d4' });
    it_.answers(async () => ({ kind: 'boot', device: rom, plan: planOf(), session: null }));
    const board = (await it_.identify(romWire, 0))!;
    it_.boots.sign(board, { kind: 'discover', at: it_.now(), xid: 1, firmware: 'rom', generation: 1 });
    expect((await it_.request('bootcode.bin', '10.0.0.20'))?.board).toBe(board);
    expect((await it_.request('bootcode.bin', '10.0.0.21'))?.board).toBe(board);
    expect((await it_.request('start.elf', '10.0.0.22'))?.board).toBeUndefined();
  });

  it('of one of two waiting boot ROMs is nobody’s', async () => {
    const it_ = plane();
    const other = { ...rom, id: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9S', mac: 'b8:27:eb:00:00:01' };
    for (const device of [rom, other]) {
      it_.answers(async () => ({ kind: 'boot', device, plan: planOf(), session: null }));
      const board = (await it_.identify({ ...romWire, mac: device.mac! }, 0))!;
      it_.boots.sign(board, { kind: 'discover', at: it_.now(), xid: 1, firmware: 'rom', generation: 1 });
    }
    expect((await it_.request('bootcode.bin', '10.0.0.21'))?.board).toBeUndefined();
  });

  it('joins the folder of a Pi 3 to the MAC its ROM showed', async () => {
    const it_ = plane();
    it_.answers(async () => ({ kind: 'nothing', device: rom, reason: '', session: null }));
    await it_.identify(romWire, 0);
    await it_.request('a1b2c3d4/start.elf', '10.0.0.30');
    expect(it_.asked.at(-1)).toMatchObject({ bootPrefix: 'a1b2c3d4', mac: 'b8:27:eb:b2:c3:d4' });
    await it_.request('a1999999/start.elf', '10.0.0.31');
    expect(it_.asked.at(-1)?.mac).toBeUndefined();
  });

  it('is nobody’s when its path leaves the boot partition', async () => {
    const it_ = plane();
    expect(await it_.request('91cdf03d/../../etc/passwd')).toBeUndefined();
    expect(await it_.request('a\0b')).toBeUndefined();
  });
});

describe('the board book', () => {
  it('goes on with a session the control plane knows, and with what it wrote down', async () => {
    const it_ = plane();
    const session = {
      id: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B77',
      openedAt: 1,
      generation: 1,
      outcome: 'running',
      stage: 'firmware',
      exchanged: false,
    } as const;
    it_.answers(async () => ({ kind: 'boot', device: pi, plan: planOf(), session }));
    const board = (await it_.identify(eeWire, 0))!;
    expect(board.boot?.track).toMatchObject({ id: session.id, phase: 'firmware' });
    const copy = createBoardBook();
    copy.restore(JSON.parse(JSON.stringify(it_.book.snapshot())) as ReturnType<typeof copy.snapshot>);
    expect(copy.bySession(session.id)?.boot?.track).toEqual(board.boot?.track);
    expect(copy.find({ mac: pi.mac! })?.answer).toEqual(board.answer);
  });

  it('does not go on with a session of another assignment', async () => {
    const it_ = plane();
    const session = {
      id: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B77',
      openedAt: 1,
      generation: 7,
      outcome: 'running',
      stage: 'firmware',
      exchanged: false,
    } as const;
    it_.answers(async () => ({ kind: 'boot', device: pi, plan: planOf(), session }));
    expect((await it_.identify(eeWire, 0))!.boot).toBeNull();
  });

  it('learns that its session was revoked', async () => {
    const it_ = plane();
    it_.answers(async () => bootable);
    const board = (await it_.identify(eeWire, 0))!;
    const { track } = it_.boots.sign(board, {
      kind: 'file',
      at: it_.now(),
      path: 'config.txt',
      generation: 1,
      busy: false,
    });
    const session = {
      id: track.id,
      openedAt: track.openedAt,
      generation: 1,
      outcome: 'revoked',
      stage: 'dhcp',
      exchanged: false,
    } as const;
    it_.answers(async () => ({ ...bootable, session }));
    await it_.identify(eeWire, 0);
    expect(board.boot).toMatchObject({ revoked: true, track: { phase: 'ended' } });
  });

  it('follows a device that two records turned out to be', async () => {
    const it_ = plane();
    it_.answers(async () => ({ kind: 'boot', device: rom, plan: planOf(), session: null }));
    const board = (await it_.identify(romWire, 0))!;
    const { track } = it_.boots.sign(board, {
      kind: 'discover',
      at: it_.now(),
      xid: 1,
      firmware: 'rom',
      generation: 1,
    });
    const merged = { ...rom, id: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9T', bootPrefix: 'a1b2c3d4' };
    it_.answers(async () => ({ kind: 'boot', device: merged, plan: planOf(), session: null }));
    const after = (await it_.identify({ ...romWire, bootPrefix: 'a1b2c3d4' }, 0))!;
    expect(after.boot?.track.id).toBe(track.id);
    expect(it_.book.bySession(track.id)).toBe(after);
  });

  it('stops a timeline that never ends', async () => {
    const it_ = plane();
    it_.answers(async () => bootable);
    const board = (await it_.identify(eeWire, 0))!;
    const boot = it_.boots.sign(board, { kind: 'file', at: it_.now(), path: 'config.txt', generation: 1, busy: false });
    for (let i = 0; i < 6000; i += 1) it_.boots.note(boot, { type: 'report', step: 'x', state: 'info', message: '' });
    expect(it_.pushed.filter(({ kind }) => kind === 'entry')).toHaveLength(5000);
  });
});
