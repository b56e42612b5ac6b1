import { refusal, RefusedError } from '@drover/contract';
import { describe, expect, it, vi } from 'vitest';
import { deviceOf, planOf } from '../../../../test/boot/fixtures.js';
import { exportName, moveSecret } from '../../../domain/disk-export.js';
import type { Board, CurrentBoot } from '../../boot/plane/board-book.js';
import type { AttachedDisk } from '../../boot/ports.js';
import type { DiskExport } from '../ports.js';
import { createExports } from './exports.js';

const key = 'ab'.repeat(32);
const session = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const disk = 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const image = 'cd'.repeat(32);

const data = 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9P';
const otherSession = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9Q';
const nextSession = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9R';

function world(change: Partial<CurrentBoot> = {}, access?: AttachedDisk['access']) {
  const opened: string[] = [];
  const begun: boolean[] = [];
  const closed: string[] = [];
  const ended: string[] = [];
  /** What the end of an export waits for. */
  const closing: Record<string, Promise<void>> = {};
  const exportOf = (label: string): DiskExport => ({
    label,
    size: 1024,
    readOnly: false,
    canMultiConn: true,
    blockSize: { minimum: 1, preferred: 4096, maximum: 1 << 20 },
    read: () => new Uint8Array(),
    write: () => undefined,
    close: async () => {
      await closing[label];
      closed.push(label);
    },
  });
  const boot = {
    track: { id: session },
    device: deviceOf(),
    plan: planOf({ image, disks: [disk] }),
    exchanged: true,
    files: null,
    revoked: false,
    ...change,
  } as unknown as CurrentBoot;
  const attached: AttachedDisk[] = access === undefined ? [] : [{ id: data, name: 'data', access }];
  const board = (id: string, of: string) =>
    ({ boot: { ...boot, track: { id: of } }, attached, answer: { device: deviceOf({ id }) } }) as unknown as Board;
  const boards = new Map([
    [session, board('dev_1', session)],
    [otherSession, board('dev_2', otherSession)],
  ]);
  const exports = createExports({
    book: { bySession: (id) => boards.get(id) },
    bootKey: () => key,
    openDisk: async (id, { begins, readOnly }) => {
      begun.push(begins);
      opened.push(readOnly ? `${id} to read` : id);
      return exportOf(id);
    },
    openImage: async (digest) => {
      opened.push(digest);
      if (digest !== image) throw new RefusedError(refusal('blob.not-found', 'It is not stored here.'));
      return exportOf('image');
    },
  });
  let connections = 0;
  const open = (name: string, peerAddress = '10.0.0.9') => {
    connections += 1;
    const id = connections;
    return exports.open({
      ...{ name, peerAddress, tls: false, signal: new AbortController().signal },
      connection: { id, end: (reason) => void ended.push(`${id} ${reason}`) },
    });
  };
  /** The first device goes on to a boot that has proved itself. */
  const startAgain = (next: string): void => {
    boards.delete(session);
    boards.set(next, board('dev_1', next));
  };
  return { opened, begun, closed, closing, ended, exports, open, startAgain };
}

const nameOf = (what: string, of = session): string => exportName(key, of, what);

describe('an export', () => {
  it('opens to its board: a disk of its own, or the image', async () => {
    const { open, opened } = world();
    expect(await open(nameOf(disk))).toMatchObject({ ok: true, export: { label: disk, size: 1024 } });
    expect(await open(nameOf('image'))).toMatchObject({ ok: true, export: { label: 'image' } });
    expect(opened).toEqual([disk, image]);
  });

  it.each([
    ['a name that was made up', {}, exportName('00'.repeat(32), session, disk), 'unknown'],
    ['a session that is over', {}, exportName(key, session.replace('9N', '9P'), disk), 'policy'],
    ['a revoked session', { revoked: true }, nameOf(disk), 'policy'],
    ['a session whose secret was not exchanged', { exchanged: false }, nameOf(disk), 'policy'],
    ['a disk that is not assigned any more', { plan: planOf({ disks: [] }) }, nameOf(disk), 'policy'],
    ['an image that is not to be read so', { plan: planOf({ image: null }) }, nameOf('image'), 'policy'],
    ['an image that is gone', { plan: planOf({ image: 'ef'.repeat(32) }) }, nameOf('image'), 'policy'],
    ['a board without a plan', { plan: null }, nameOf(disk), 'policy'],
  ])('does not open for %s', async (_what, change, name, reason) => {
    const { open } = world(change);
    const answer = await open(name);
    expect(answer).toMatchObject({ ok: false, reason });
    expect(answer.ok ? '' : answer.message).not.toContain(name);
  });

  it('does not open before the key is known', async () => {
    const exports = createExports({
      book: { bySession: () => undefined },
      bootKey: () => undefined,
      openDisk: () => Promise.reject(new Error('opened')),
      openImage: () => Promise.reject(new Error('opened')),
    });
    const connection = { id: 1, end: () => undefined };
    const request = { name: nameOf(disk), peerAddress: '10.0.0.9', tls: false, signal: new AbortController().signal };
    expect(await exports.open({ ...request, connection })).toMatchObject({ ok: false, reason: 'shutting-down' });
  });

  it('opens for a board that the disk is attached to, as that may use it', async () => {
    const { open, opened } = world({}, 'read-write');
    expect(await open(nameOf(data))).toMatchObject({ ok: true });
    expect(opened).toEqual([data]);
    const readers = world({}, 'read-only');
    expect(await readers.open(nameOf(data))).toMatchObject({ ok: true });
    expect(await readers.open(nameOf(data, otherSession))).toMatchObject({ ok: true });
    expect(readers.opened).toEqual([`${data} to read`, `${data} to read`]);
  });

  it('has no second board that writes, not for a moment', async () => {
    const { open, exports } = world({}, 'read-write');
    const first = await open(nameOf(data));
    expect(await open(nameOf(data))).toMatchObject({ ok: true });
    expect(await open(nameOf(data, otherSession))).toMatchObject({ ok: false, reason: 'policy' });
    expect(exports.isOpen(data, 'dev_1')).toBe(true);
    expect(exports.isOpen(data, 'dev_2')).toBe(false);
    exports.endDisk(data, 'dev_1', 'taken');
    if (first.ok) await first.export.close();
  });

  it('opens to a board’s next boot when the boot before has let go of it, and to that no more', async () => {
    const { open, opened, startAgain } = world();
    const before = await open(nameOf(disk));
    const late = open(nameOf(disk));
    startAgain(nextSession);
    expect(await late).toMatchObject({ ok: false, reason: 'policy' });
    const next = open(nameOf(disk, nextSession));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(opened).toEqual([disk, disk]);
    if (before.ok) await before.export.close();
    expect(await next).toMatchObject({ ok: true });
    expect(await open(nameOf(disk))).toMatchObject({ ok: false, reason: 'policy' });
    expect(opened).toEqual([disk, disk, disk]);
  });

  it('does not keep a board from its next boot for long: what an ended connection had under way is done by then', async () => {
    vi.useFakeTimers();
    try {
      const { open, startAgain } = world();
      await open(nameOf(disk));
      startAgain(nextSession);
      const next = open(nameOf(disk, nextSession));
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await next).toMatchObject({ ok: true });
    } finally {
      vi.useRealTimers();
    }
  });

  it('stays with the address that opened it first, unless who comes from another has the secret', async () => {
    const { open } = world();
    const name = nameOf(disk);
    expect(await open(name)).toMatchObject({ ok: true });
    expect(await open(name)).toMatchObject({ ok: true });
    expect(await open(name, '10.0.0.10')).toMatchObject({ ok: false, reason: 'policy' });
    expect(await open(nameOf('image'), '10.0.0.10')).toMatchObject({ ok: false, reason: 'policy' });
    expect(await open(`${name}.${moveSecret(key, session)}`, '10.0.0.10')).toMatchObject({ ok: true });
    expect(await open(name)).toMatchObject({ ok: false });
    expect(await open(name, '10.0.0.10')).toMatchObject({ ok: true });
  });

  it('is opened by a board that begins, or comes back: with the secret, or after it was there before', async () => {
    const { open, begun } = world();
    await open(nameOf(disk));
    await open(nameOf(disk));
    await open(`${nameOf(disk)}.${moveSecret(key, session)}`);
    const restarted = world();
    await restarted.open(`${nameOf(disk)}.${moveSecret(key, session)}`);
    expect([...begun, ...restarted.begun]).toEqual([true, false, false, false]);
  });

  it('is not pinned by who was refused', async () => {
    const { open } = world({ plan: planOf({ image, disks: [] }) });
    expect(await open(nameOf(disk), '10.0.0.66')).toMatchObject({ ok: false });
    expect(await open(nameOf('image'))).toMatchObject({ ok: true });
  });

  it('ends with its session, for those who still have it open', async () => {
    const { open, exports, ended, closed } = world();
    const first = await open(nameOf(disk));
    await open(nameOf(disk));
    await open(nameOf('image'));
    if (first.ok) await first.export.close();
    exports.endSession(session, 'revoked');
    expect(ended).toEqual(['2 revoked', '3 revoked']);
    expect(closed).toEqual([disk]);
  });

  it('ends, and does not open, while something is done that needs the disk unused', async () => {
    const { open, exports, ended } = world();
    const [first, image] = [await open(nameOf(disk)), await open(nameOf('image'))];
    const did: string[] = [];
    let finish: () => void = () => undefined;
    const work = exports.withoutDisk(disk, 'released', async () => {
      did.push('begun');
      await new Promise<void>((resolve) => (finish = resolve));
    });
    expect(ended).toEqual(['1 released']);
    await new Promise(setImmediate);
    expect(did).toEqual([]);
    if (first.ok) await first.export.close();
    await vi.waitFor(() => expect(did).toEqual(['begun']));
    expect(await open(nameOf(disk))).toMatchObject({ ok: false, reason: 'policy' });
    expect(image.ok).toBe(true);
    finish();
    await work;
    expect(await open(nameOf(disk))).toMatchObject({ ok: true });
  });

  it('is there until its disk is closed, whatever else is closed meanwhile', async () => {
    const { open, exports, closed, closing } = world();
    const [first, image] = [await open(nameOf(disk)), await open(nameOf('image'))];
    if (!first.ok || !image.ok) throw new Error('they do not open');
    let finish: () => void = () => undefined;
    closing[disk] = new Promise((resolve) => (finish = resolve));
    const work = exports.withoutDisk(disk, 'released', async () => void closed.push('work'));
    const ending = first.export.close();
    await image.export.close();
    await new Promise(setImmediate);
    expect(closed).toEqual(['image']);
    finish();
    await Promise.all([ending, work]);
    expect(closed).toEqual(['image', disk, 'work']);
  });

  it('that was being opened when its disk was to be unused is closed again', async () => {
    const { open, exports, closed } = world();
    const opening = open(nameOf(disk));
    await exports.withoutDisk(disk, 'released', async () => void closed.push('work'));
    expect(await opening).toMatchObject({ ok: false, reason: 'policy' });
    expect(closed).toEqual([disk, 'work']);
  });
});
