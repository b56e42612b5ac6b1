import { describe, expect, it } from 'vitest';
import type { OwnBootFiles } from '../../../domain/boot-plan.js';
import { deviceOf, digest, planOf, treeOf } from '../../../../test/boot/fixtures.js';
import { silentLog } from '../../../../test/boot/log.js';
import type { CurrentBoot } from './board-book.js';
import { createOwnFiles } from './own-files.js';
import type { NewEntry, OwnFilesRead } from './ports.js';

const disk = 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const plan = planOf({ rootMode: 'nbd', disks: [disk] });
const image = treeOf(['kernel8.img']);
const files: OwnBootFiles = { tree: treeOf(['own.img']), initramfs: [] };
const own = { kind: 'own', files, digest: digest('7'), copies: 1, bytes: 100, warnings: ['It is dirty.'] } as const;

const bootOf = (id: string, more: Partial<CurrentBoot> = {}): CurrentBoot => ({
  track: { id, openedAt: 0, generation: 1, firmware: 'ee', phase: 'dhcp', lastAt: 0, xid: null },
  device: deviceOf(),
  ...{ plan, serverUrl: null, entries: 0, grant: null, exchanged: false, files: null, revoked: false },
  ...more,
});

function given(reads: (() => OwnFilesRead)[], recalled?: OwnBootFiles) {
  const notes: NewEntry[] = [];
  let asked = 0;
  let changes = 0;
  const it_ = createOwnFiles({
    reader: {
      read: async () => (reads[asked++] ?? reads.at(-1)!)(),
      recall: async (name) => (name === own.digest ? recalled : undefined),
    },
    note: (_boot, entry) => notes.push(entry),
    changed: () => (changes += 1),
    clock: { now: () => 0 },
    log: silentLog,
    mostKept: 2,
  });
  return { ...it_, notes, asked: () => asked, changes: () => changes };
}

describe('boot files of a board with a disk of its own', () => {
  it('are read once for a boot, told on its timeline, and kept with it', async () => {
    const it_ = given([() => own]);
    const boot = bootOf('bs_1');
    const both = await Promise.all([it_.of(boot, plan, image), it_.of(boot, plan, image)]);
    expect(both).toEqual([files, files]);
    expect([it_.asked(), it_.changes(), boot.files]).toEqual([1, 1, own.digest]);
    expect(it_.notes).toEqual([
      { type: 'boot.files', disk, from: 'disk', files: 1, bytes: 100, ms: 0, warnings: ['It is dirty.'] },
    ]);
  });

  it('are recalled after a restart, or read again when they are not there any more', async () => {
    const boot = bootOf('bs_1', { files: own.digest });
    const there = given([() => own], files);
    expect(await there.of(boot, plan, image)).toBe(files);
    expect([there.asked(), there.notes]).toEqual([0, []]);
    const gone = given([() => own]);
    expect(await gone.of(boot, plan, image)).toBe(files);
    expect(gone.asked()).toBe(1);
  });

  it('stay the image’s for a boot that began with them', async () => {
    const it_ = given([() => ({ kind: 'image' }), () => own]);
    const boot = bootOf('bs_1');
    expect((await it_.of(boot, plan, image)).tree).toBe(image);
    expect(boot.files).toBe('image');
    it_.forget('bs_1');
    expect((await it_.of(boot, plan, image)).tree).toBe(image);
    expect((await it_.of(bootOf('bs_2'), plan, image)).tree).toBe(files.tree);
  });

  it('are the image’s when they cannot be read, with what is wrong and what is done', async () => {
    const it_ = given([() => ({ kind: 'unreadable', reason: 'it is rubbish', remedy: 'Mend it.' })]);
    const boot = bootOf('bs_1');
    expect((await it_.of(boot, plan, image)).tree).toBe(image);
    expect(it_.notes).toEqual([
      expect.objectContaining({
        from: 'image',
        warnings: [
          expect.stringMatching(/cannot be used: it is rubbish\. It boots the files of its image, .* Mend it\./),
        ],
      }),
    ]);
  });

  it('are the image’s for now when the server itself fails, which is not remembered', async () => {
    const it_ = given([
      () => {
        throw new Error('stopping');
      },
    ]);
    const boot = bootOf('bs_1');
    expect((await it_.of(boot, plan, image)).tree).toBe(image);
    expect(boot.files).toBeNull();
  });

  it('are not looked for without a disk of its own', async () => {
    const it_ = given([() => own]);
    for (const other of [planOf(), planOf({ rootMode: 'stream', image: digest('a') }), planOf({ rootMode: 'nbd' })])
      expect((await it_.of(bootOf('bs_1'), other, image)).tree).toBe(image);
    expect(it_.asked()).toBe(0);
  });

  it('do not stay in memory for ever', async () => {
    const it_ = given([() => own], files);
    const boots = ['bs_1', 'bs_2', 'bs_3'].map((id) => bootOf(id));
    for (const boot of boots) await it_.of(boot, plan, image);
    expect(it_.asked()).toBe(3);
    expect(await it_.of(boots[0]!, plan, image)).toBe(files);
    expect(it_.asked()).toBe(3);
  });
});
