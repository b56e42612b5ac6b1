import { EventEmitter } from 'node:events';
import { refusal, RefusedError } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { digest, planOf, treeOf } from '../../../test/boot/fixtures.js';
import type { OwnFilesRead } from '../../app/boot/plane/ports.js';
import { sourceOf } from '../../domain/boot-tree.js';
import type { Copies } from './copies.js';
import { createOwnFilesReader, type HeldView, type ReadingThread } from './reader.js';
import type { FromThread, ThreadInput, ToThread, Used } from './thread.js';

const wanted = {
  disk: 'dsk_1',
  image: treeOf([]),
  plan: planOf(),
  device: { model: 'pi4' as const, bootPrefix: null },
};
const files = {
  tree: { ...treeOf(['a']), files: [{ path: 'a', size: 5, extents: [[0, 5]] as const, blob: digest('f') }] },
  initramfs: [],
};
const own: OwnFilesRead = { kind: 'own', files, digest: digest('7'), copies: 1, bytes: 5, warnings: [] };
const used: Used = [[digest('f'), 5]];

const bytes = Uint8Array.from({ length: 4096 }, (_, i) => i);
const held: HeldView = {
  base: null,
  disk: {
    size: 4096,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    readInto: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
    status: () => [],
    knownZero: () => false,
    fromBase: (offset) => offset < 1024,
  },
};

class FakeThread extends EventEmitter implements ReadingThread {
  readonly told: ToThread[] = [];
  ended = 0;
  postMessage(message: ToThread): void {
    this.told.push(message);
    this.emit('told');
  }
  say(message: FromThread): void {
    this.emit('message', message);
  }
  async terminate(): Promise<void> {
    this.ended += 1;
    // As a real one does.
    this.emit('exit');
  }
}

/** What a thread does once it is started. */
function given(live: (thread: FakeThread, input: ThreadInput) => unknown, use: 'works' | RefusedError = 'works') {
  const timers: { ms: number; run: () => void; stopped: boolean }[] = [];
  const noted: Used[] = [];
  const rescans: boolean[] = [];
  const threads: FakeThread[] = [];
  const present = new Set([digest('7'), digest('f')]);
  const copies: Copies = {
    folder: '/copies',
    has: (name) => present.has(name),
    path: (name) => name,
    read: async () => new Uint8Array(),
    readAll: async () => Buffer.from(JSON.stringify(files)),
    use: async (names) => [...names].every((name) => present.has(name)),
    note: async (each) => void noted.push(each),
    rescan: async ({ dropUnfinished }) => void rescans.push(dropUnfinished),
    held: () => ({ bytes: 0, files: 0 }),
  };
  const reader = createOwnFilesReader({
    copies,
    useDisk: async (_disk, work) => {
      if (use !== 'works') throw use;
      return work(held);
    },
    startThread: (input) => {
      const thread = new FakeThread();
      threads.push(thread);
      setImmediate(() => live(thread, input));
      return thread;
    },
    gate: { run: (work) => work() },
    limits: { files: 1, copies: 1, bytes: 1, copiedBytes: 1, texts: 1, tree: 1 },
    after: (ms, run) => {
      const timer = { ms, run, stopped: false };
      timers.push(timer);
      return () => (timer.stopped = true);
    },
    patience: { files: 10, modules: 20 },
  });
  return { reader, timers, noted, rescans, threads, present };
}

describe('a thread that reads boot files', () => {
  it('is answered what it asks of the disk, and believed what it says last', async () => {
    const it_ = given(async (thread, input) => {
      expect(input).toMatchObject({ base: null, diskSize: 4096, folder: '/copies' });
      thread.say({ kind: 'read', id: 1, offset: 16, length: 4 });
      await new Promise((resolve) => thread.once('told', resolve));
      thread.say({ kind: 'read', id: 2, offset: 4095, length: 2 });
      await new Promise((resolve) => thread.once('told', resolve));
      thread.say({
        kind: 'from-base',
        id: 3,
        ranges: [
          [0, 512],
          [1024, 512],
          [4000, 512],
        ],
      });
      await new Promise((resolve) => thread.once('told', resolve));
      thread.say({ kind: 'result', last: false, result: { kind: 'image' }, used: [] });
      thread.say({ kind: 'result', last: true, result: own, used });
    });
    expect(await it_.reader.read(wanted)).toBe(own);
    expect(it_.threads[0]?.told).toEqual([
      { id: 1, bytes: Uint8Array.of(16, 17, 18, 19) },
      { id: 2, failure: expect.stringContaining('do not lie within') as string },
      { id: 3, answers: [true, false, false] },
    ]);
    expect([it_.noted, it_.rescans, it_.threads[0]?.ended]).toEqual([[used], [], 1]);
    expect(it_.timers.map(({ ms, stopped }) => [ms, stopped])).toEqual([
      [10, true],
      [20, true],
    ]);
  });

  it('is ended when it takes too long, and what it left half done is looked for', async () => {
    const it_ = given(() => it_.timers[0]?.run());
    expect(await it_.reader.read(wanted)).toEqual({ kind: 'unreadable', reason: 'reading it took too long' });
    expect([it_.rescans, it_.threads[0]?.ended]).toEqual([[true], 1]);
  });

  it('is believed what it had before modules took too long', async () => {
    const it_ = given((thread) => {
      thread.say({ kind: 'result', last: false, result: own, used });
      it_.timers[1]?.run();
    });
    expect(await it_.reader.read(wanted)).toBe(own);
    expect([it_.rescans, it_.noted]).toEqual([[true], [used]]);
  });

  it.each<[string, (thread: FakeThread) => unknown, string]>([
    ['fails', (thread) => thread.emit('error', new Error('out of memory')), 'out of memory'],
    ['ends without a word', (thread) => thread.emit('exit'), 'without a word'],
  ])('is a fault when it %s', async (_how, live, message) => {
    const it_ = given(live);
    await expect(it_.reader.read(wanted)).rejects.toThrow(message);
    expect(it_.rescans).toEqual([true]);
  });
});

describe('a disk', () => {
  it('that is not there yet has nothing of its own', async () => {
    const it_ = given(() => undefined, new RefusedError(refusal('disk.not-found', 'There is none.')));
    expect(await it_.reader.read(wanted)).toEqual({ kind: 'image' });
    expect(it_.threads).toEqual([]);
  });

  it('that cannot be opened says why', async () => {
    const broken = refusal('disk.broken', 'Its tables contradict each other.', { remedy: 'Mend it.' });
    const it_ = given(() => undefined, new RefusedError(broken));
    expect(await it_.reader.read(wanted)).toEqual({
      kind: 'unreadable',
      reason: 'Its tables contradict each other',
      remedy: 'Mend it.',
    });
  });
});

describe('what was read before', () => {
  it('is recalled as long as all of it is there', async () => {
    const { reader, present } = given(() => undefined);
    expect(await reader.recall(digest('7'))).toEqual(files);
    expect(await reader.recall(digest('8'))).toBeUndefined();
    present.delete(digest('f'));
    expect(await reader.recall(digest('7'))).toBeUndefined();
  });

  it('is asked for only by files that are copies', async () => {
    const { reader, present } = given(() => undefined);
    const copy = sourceOf(files.tree, files.tree.files[0]!);
    const ofImage = { size: 5, segments: [{ blob: digest('a'), offset: 0, length: 5 }] };
    expect([await reader.holds(files, copy), await reader.holds(files, ofImage)]).toEqual([true, true]);
    present.clear();
    expect([await reader.holds(files, copy), await reader.holds(files, ofImage)]).toEqual([false, true]);
  });
});
