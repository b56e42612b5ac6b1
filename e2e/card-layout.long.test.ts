import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { partitionsOf } from './card-sd/partitions.js';
import { bootMs, startCardLab, type CardLab } from './card-sd/card-lab.js';
import { run } from './inputs/run.js';

// What a board does to its card when its config wants other partitions, and what its hardware watchdog does to it.

let lab: CardLab;
beforeAll(async () => {
  lab = await startCardLab('layout');
});
afterEach(() => lab.boardsOff());
afterAll(() => lab?.stop());

/** All boot files with their digests. */
async function bootFiles(card: string): Promise<string> {
  const script =
    'mkdir "$2" && mcopy -s -n -i "$1@@1M" "::*" "$2" && cd "$2" && find . -type f ! -name sdlayout -exec sha256sum {} + | sort -k 2; rm -r "$2"';
  return (await run(['sh', '-c', script, 'sh', card, `${card}.files`])).stdout;
}

test('a layout of the card is applied once, its boot files as before', { timeout: 5 * bootMs }, async () => {
  const name = 'laid-out';
  const board = await lab.board(name, 'fast:1');
  board.on();
  const first = await lab.up(board, name);
  await lab.kept(first.lastSession);
  await board.off();
  const [boot, data] = await partitionsOf(board.card);
  if (boot === undefined || data === undefined) throw new Error('the card has no two partitions');
  const files = await bootFiles(board.card);

  // Where the board keeps its own things now.
  const wanted = { start: data.start, size: 131_072, type: 'c' };
  const dump = [boot, wanted].map(
    ({ start, size, type }, index) => `/dev/mmcblk0p${index + 1} : start=${start}, size=${size}, type=${type}\n`,
  );
  const sdlayout = Buffer.from(`label: dos\nunit: sectors\n\n${dump.join('')}`).toString('base64');
  await lab.drover.client.call('putBootLayer', {
    params: { layer: `device:${name}` },
    body: { document: { config: { sdlayout } }, reason: '' },
  });
  board.on();
  const second = await lab.up(board, name, first.lastSession);
  expect(await lab.reports(second.lastSession)).toContain('config ok sdlayout: changed');
  await board.off();
  const parts = await partitionsOf(board.card);
  expect(parts.slice(0, 2)).toEqual([boot, wanted]);
  expect(parts[2]?.type).toBe('83');
  expect(parts[2]?.start).toBeGreaterThanOrEqual(wanted.start + wanted.size);
  expect(await bootFiles(board.card)).toBe(files);

  board.on();
  const third = await lab.up(board, name, second.lastSession);
  const told = await lab.reports(third.lastSession);
  expect(told).toContain('download ok on the card already');
  expect(told.filter((step) => step.includes('sdlayout'))).toEqual([]);
  await board.off();
  expect(await partitionsOf(board.card)).toEqual(parts);
});

test('a system that no longer feeds its watchdog is restarted by it', { timeout: 4 * bootMs }, async () => {
  const name = 'watched';
  const board = await lab.board(name, 'fast:1', { qemuArgs: ['-device', 'i6300esb'] });
  board.on();
  const first = await lab.up(board, name);
  await lab.kept(first.lastSession);
  const [start] = board.starts;
  // Longer than the watchdog waits: it is fed.
  await expect(
    Promise.race([start?.guest.ended, new Promise((resolve) => setTimeout(resolve, 25_000, 'fed'))]),
  ).resolves.toBe('fed');
  start?.guest.send('kill -STOP $(pidof watchdog)\n');
  await lab.up(board, name, first.lastSession);
  expect(board.starts).toHaveLength(2);
  expect(start?.guest.console.text()).not.toMatch(/reboot: Restarting system|Kernel panic/);
});
