import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootMs, startCardLab, type CardLab } from './card-sd/card-lab.js';

// The flow of card-sd.test.ts on a board with the Pi's own SD slot and device tree. Its network card, on USB, is slow. Its watchdog is left alone: QEMU's
// (hw/misc/bcm2835_powermgt.c) has no clock and restarts the board as soon as it is armed.

let lab: CardLab;
beforeAll(async () => {
  lab = await startCardLab('card3b');
});
afterAll(async () => {
  await lab?.boardsOff();
  await lab?.stop();
});

test('a Raspberry Pi 3B keeps its root on its card, takes a new image, starts without its server and tells of it', async () => {
  const name = 'three';
  const board = await lab.board(name, 'fast:1', {
    ...{ machine: 'raspi3b', firmware: '3b' },
    append: 'console=ttyAMA0,115200 drover.offline=60 drover.watchdog=no',
  });
  board.on();
  const first = await lab.up(board, name, null, 3 * bootMs);
  await lab.kept(first.lastSession);
  expect((await lab.reports(first.lastSession)).join('\n')).toMatch(/^start start .*Raspberry Pi 3 Model B/m);
  await board.off();

  await lab.image('fast:2', { root: { '/etc/drover-version': 'two\n' }, config: '# the second version\n' });
  await lab.reimage(name, 'fast:2');
  const starts = board.starts.length;
  board.on();
  const second = await lab.up(board, name, first.lastSession, 6 * bootMs);
  expect(board.starts.slice(starts).map(({ choice }) => choice.osPrefix)).toEqual(['drover/a/', 'drover/b/']);
  await lab.kept(second.lastSession);
  await board.off();

  const speak = await lab.silence();
  board.on();
  try {
    await board.saw(new RegExp(`starting from the card[\\s\\S]*fast image is up: ${name}`), 3 * bootMs, starts + 2);
  } finally {
    speak();
  }
  const third = await lab.up(board, name, second.lastSession, bootMs);
  const late = await lab.reports(third.lastSession);
  expect(late.some((step) => /^\w+ info going on without the server: /.test(step))).toBe(true);
});
