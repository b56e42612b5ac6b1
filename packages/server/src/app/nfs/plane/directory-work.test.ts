import { describe, expect, it } from 'vitest';
import { deviceOf, planOf } from '../../../../test/boot/fixtures.js';
import { createBoardBook, type CurrentBoot } from '../../boot/plane/board-book.js';
import type { AttachedDisk } from '../../boot/ports.js';
import { createDirectoryWork } from './directory-work.js';

const device = deviceOf();
const [root, data] = ['dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', 'dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B9P'];
const plan = planOf({ rootMode: 'nfs', disks: [root] });

const bootOf = (id: string): CurrentBoot => ({
  track: { id, openedAt: 1, generation: 1, firmware: 'ee', phase: 'dhcp', lastAt: 1, xid: null },
  ...{ device, plan, serverUrl: null, entries: 0, grant: null, exchanged: false, files: null, revoked: false },
});

/** A board whose root is a directory; what it is allowed, and from where. */
function world() {
  const allowed: string[] = [];
  const book = createBoardBook((session) => allowed.push(`${session} is over`));
  const board = book.accept(
    { kind: 'boot', device, plan, session: null },
    { site: 'default', firmware: 'ee', isPi: true },
    1,
  );
  const work = createDirectoryWork({
    pool: { place: () => ({ folder: '/x' }) } as never,
    server: {} as never,
    exports: {
      allow: async ({ session }, address, uses) =>
        void allowed.push(`${session} at ${address}: ${uses.map(({ disk }) => disk.slice(-1)).join(' ')}`),
      withdraw: async () => undefined,
    },
    ...{ book, askAttachments: async () => undefined, serverAddress: () => '10.0.0.1', changed: () => undefined },
  });
  const attach = (...disks: AttachedDisk[]): void => void (board.attached = disks);
  const begin = (id: string): CurrentBoot => {
    const boot = bootOf(id);
    book.open(board, boot);
    return boot;
  };
  const prove = async (boot: CurrentBoot, address: string): Promise<void> => {
    boot.exchanged = true;
    book.proven(board);
    await work.admit(boot.track.id, address);
  };
  return { allowed, work, attach, begin, prove };
}

const disk: AttachedDisk = { id: data, kind: 'directory', name: 'media', access: 'read-write' };

describe('directories of a board', () => {
  it('are for the boot that proved itself, at its address, while another one begins', async () => {
    const { allowed, work, attach, begin, prove } = world();
    await prove(begin('bs_1'), '10.0.0.9');
    const next = begin('bs_2');
    attach(disk);
    await work.refresh(device.id);
    expect(allowed).toEqual(['bs_1 at 10.0.0.9: N', 'bs_1 at 10.0.0.9: N P']);
    await prove(next, '10.0.0.10');
    expect(allowed.slice(2)).toEqual(['bs_1 is over', 'bs_2 at 10.0.0.10: N P']);
    await work.refresh(device.id);
    expect(allowed.at(-1)).toBe('bs_2 at 10.0.0.10: N P');
  });

  it('are for nobody before a boot proved itself, or once it was revoked', async () => {
    const { allowed, work, attach, begin, prove } = world();
    const boot = begin('bs_1');
    await work.refresh(device.id);
    await work.admit('bs_9', '10.0.0.9');
    boot.revoked = true;
    await prove(boot, '10.0.0.9');
    attach(disk);
    await work.refresh(device.id);
    expect(allowed).toEqual([]);
  });
});
