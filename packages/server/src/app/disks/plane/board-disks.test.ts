import { RefusedError } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { deviceOf } from '../../../../test/boot/fixtures.js';
import { silentLog } from '../../../../test/boot/log.js';
import type { Board } from '../../boot/plane/board-book.js';
import type { AttachedDisk } from '../../boot/ports.js';
import { createBoardDisks, type BoardSays } from './board-disks.js';

const device = 'dev_1';
const session = 'bs_1';
const disk: AttachedDisk = { id: 'dsk_1', name: 'media', access: 'read-write' };
const never = new AbortController().signal;
const nothing: BoardSays = { known: '', has: [], busy: [] };

/** A board that is up, a control plane that gave it a disk, and time that passes only while somebody waits. */
function world(given: readonly AttachedDisk[] = [disk]) {
  const board = { answer: { device: deviceOf({ id: device }) }, boot: {}, attached: undefined } as unknown as Board;
  const state = {
    ...{ now: 0, given, files: 'f0', ended: [] as string[] },
    ...{ isAway: false, isOpen: false, isUp: true, isKnown: true },
  };
  const disks = createBoardDisks({
    backend: {
      attachments: async () => {
        if (state.isAway) throw new Error('away');
        return state.given;
      },
      filesDigest: async () => state.files,
    },
    book: {
      byDevice: () => (state.isKnown ? board : undefined),
      bySession: (id) => (state.isUp && id === session ? board : undefined),
    },
    exports: {
      isOpen: () => state.isOpen,
      endDisk: (_disk, _device, reason) => {
        state.ended.push(reason);
        state.isOpen = false;
      },
    },
    clock: { now: () => state.now },
    log: silentLog,
    pause: async (ms) => {
      state.now += ms;
      await new Promise(setImmediate);
    },
    changed: () => undefined,
    limits: { follow: 60_000, letGo: 45_000, start: 15_000 },
  });
  const list = async (says: Partial<BoardSays> = {}, signal = never) =>
    disks.follow(session, { ...nothing, ...says }, signal);
  return { board, state, disks, list };
}

/** Whether a promise is settled once all that is ready has been done. */
const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let isSettled = false;
  void promise.finally(() => (isSettled = true)).catch(() => undefined);
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  return isSettled;
};

describe('what a board is told of its files', () => {
  it('comes with its disks, and is news as they are', async () => {
    const { list, state, disks } = world();
    const first = await list();
    expect(first).toMatchObject({ files: 'f0', disks: [disk] });
    const waiting = list({ known: first!.version });
    expect(await settled(waiting)).toBe(false);
    state.files = 'f1';
    await disks.refresh(device);
    expect(await waiting).toMatchObject({ files: 'f1', disks: [disk] });
  });

  it('is asked for anew when it may have changed unheard', async () => {
    const { list, state, disks } = world();
    const first = await list();
    state.files = 'f1';
    expect((await list())?.files).toBe('f0');
    disks.forget();
    expect((await list({ known: first!.version }))?.files).toBe('f1');
  });
});

describe('what a board is told of its disks', () => {
  it('comes at once, and then when it changes', async () => {
    const { list, state, disks } = world();
    const first = await list();
    expect(first).toMatchObject({ disks: [{ ...disk, leave: false }] });
    const next = list({ known: first?.version ?? '' });
    expect(await settled(next)).toBe(false);
    state.given = [];
    await disks.refresh(device);
    expect(await next).toMatchObject({ disks: [] });
  });

  it('ends with the question', async () => {
    const { list } = world();
    const asking = new AbortController();
    const next = list({ known: (await list())?.version ?? '' }, asking.signal);
    expect(await settled(next)).toBe(false);
    asking.abort();
    expect(await next).toMatchObject({ disks: [disk] });
  });

  it('is what was known before while the control plane is away, and nothing where nothing was', async () => {
    const { list, state, board } = world();
    state.isAway = true;
    expect(await list()).toBeUndefined();
    board.attached = [disk];
    expect(await list()).toMatchObject({ disks: [disk] });
  });

  it('has what was attached before the board was heard of for the first time', async () => {
    const { list, state, disks } = world();
    state.isKnown = false;
    await disks.refresh(device);
    state.isKnown = true;
    expect(await list()).toMatchObject({ disks: [disk] });
  });

  it('is nothing to a boot that is over', async () => {
    const { state, disks } = world();
    state.isUp = false;
    expect(await disks.follow(session, nothing, never)).toBeUndefined();
  });
});

describe('a disk that is wanted back', () => {
  it('is asked for, and gone when the board has let go of it', async () => {
    const { list, state, disks } = world();
    const { version } = (await list({ has: [disk.id] })) ?? { version: '' };
    state.isOpen = true;
    const question = list({ known: version, has: [disk.id] });
    const gone = disks.letGo(disk.id, device, false, never);
    const asked = await question;
    expect(asked).toMatchObject({ disks: [{ id: disk.id, leave: true }] });
    expect(await settled(gone)).toBe(false);
    state.isOpen = false;
    const after = list({ known: asked?.version ?? '', has: [] });
    await gone;
    expect(await after).toMatchObject({ disks: [] });
  });

  it('stays when the board uses it, and the board is told so', async () => {
    const { list, state, disks } = world();
    const first = await list({ has: [disk.id] });
    state.isOpen = true;
    const question = list({ known: first?.version ?? '', has: [disk.id] });
    const gone = disks.letGo(disk.id, device, false, never);
    const outcome = gone.catch((error: unknown) => error);
    const asked = await question;
    const busy = list({ known: asked?.version ?? '', has: [disk.id], busy: [disk.id] });
    expect(await outcome).toBeInstanceOf(RefusedError);
    expect(await outcome).toMatchObject({ refusal: { code: 'disk.in-use' } });
    expect(await busy).toMatchObject({ version: first?.version, disks: [{ leave: false }] });
  });

  it('stays when the board says nothing for a while', async () => {
    const { list, state, disks } = world();
    const first = await list({ has: [disk.id] });
    state.isOpen = true;
    void list({ known: first?.version ?? '', has: [disk.id] });
    const outcome = await disks.letGo(disk.id, device, false, never).catch((error: unknown) => error);
    expect(outcome).toMatchObject({
      refusal: { code: 'disk.in-use', detail: expect.stringContaining('45 s') as string },
    });
  });

  it('is gone at once from a board that is off, but not before boards could come back after a start', async () => {
    const { board, state, disks } = world();
    board.attached = [disk];
    await disks.letGo(disk.id, device, false, never);
    expect(state.now).toBeGreaterThanOrEqual(15_000);
    expect(board.attached).toEqual([]);
    const before = state.now;
    await disks.letGo(disk.id, device, false, never);
    expect(state.now).toBe(before);
  });

  it('is taken by force', async () => {
    const { board, list, state, disks } = world();
    await list({ has: [disk.id] });
    state.isOpen = true;
    state.given = [{ ...disk, isLeaving: true }];
    await disks.letGo(disk.id, device, true, never);
    expect(state.ended).toEqual(['the disk was taken away']);
    expect(board.attached).toEqual([]);
  });

  it('stays when it was given again meanwhile', async () => {
    const { board, list, state, disks } = world();
    await list();
    state.isOpen = true;
    await disks.letGo(disk.id, device, true, never);
    expect(state.ended).toEqual([]);
    expect(board.attached).toMatchObject([disk]);
  });

  it('stays when nobody wants it back any more', async () => {
    const { board, list, state, disks } = world();
    await list({ has: [disk.id] });
    state.isOpen = true;
    const cancel = new AbortController();
    const gone = disks.letGo(disk.id, device, false, cancel.signal);
    cancel.abort(new Error('cancelled'));
    await expect(gone).rejects.toThrow('cancelled');
    expect(board.attached).toMatchObject([disk]);
  });
});
