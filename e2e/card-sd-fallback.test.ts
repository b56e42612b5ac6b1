import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { factor } from '../packages/server/test/interop/moments.js';
import { bootMs, startCardLab, type CardLab } from './card-sd/card-lab.js';

// A card that was given what does not start: it goes back by itself.

/** The firmware of a Pi 4 and later knows `tryboot`, the one before does not: the gate sees one of them here and the other in card-sd.test.ts. */
const ways = factor > 1 ? (['yes', 'no'] as const) : (['no'] as const);

let lab: CardLab;
beforeAll(async () => {
  lab = await startCardLab('cardback');
});
afterEach(() => lab.boardsOff());
afterAll(() => lab?.stop());

test.each(ways)(
  'boot files and root that do not come up are given up after three tries, and that is told (tryboot: %s)',
  async (tryboot) => {
    const name = `careful-${tryboot}`;
    const board = await lab.board(name, 'fast:1', {
      append: `drover.offline=20 panic=2 drover.tryboot=${tryboot}`,
    });
    board.on();
    const first = await lab.up(board, name);
    await lab.kept(first.lastSession);
    await board.off();
    const broken = `broken:${tryboot}`;
    await lab.image(broken, {
      root: { '/etc/inittab': '::sysinit:/bin/sh -c "echo this root is broken; reboot -f"\n' },
      config: `# broken ${tryboot}\n`,
    });
    await lab.reimage(name, broken);
    const starts = board.starts.length;
    board.on();
    await board.saw(/this root is broken/, bootMs, starts);
    await board.saw('did not come up in 3 tries', 2 * bootMs, starts);
    await board.saw(`fast image is up: ${name}`, bootMs, starts + 3);
    const tries = board.starts.slice(starts).filter(({ guest }) => guest.console.text().includes('root is broken'));
    expect(tries).toHaveLength(3);
    expect(board.starts.at(-1)?.choice.osPrefix).toBe('drover/a/');
    const device = await lab.drover.client.call('getDevice', { params: { ref: name } });
    const told = await lab.reports(device.lastSession);
    expect(told.some((step) => step.includes(`${broken} did not come up in 3 tries on this board`))).toBe(true);
    expect(device.lastSession).not.toBe(first.lastSession);
  },
);
