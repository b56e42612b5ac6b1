import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { CardBoard } from './card-sd/card-board.js';
import { createCardBoard } from './card-sd/card-board.js';
import { bootMs, startCardLab, type CardLab } from './card-sd/card-lab.js';
import { writeCard } from './drover/card.js';
import { run } from './inputs/run.js';

// Cards as they are sold: one FAT partition, with what the server's archive holds lying flat on it. Their board is given an image to keep, and
// gets the card there by itself.

let lab: CardLab;
let board: CardBoard | undefined;
beforeAll(async () => {
  lab = await startCardLab('flat');
});
afterEach(async () => {
  await board?.off();
});
afterAll(() => lab?.stop());

const filesOf = async (card: string): Promise<string[]> =>
  (await run(['mdir', '-/', '-b', '-i', `${card}@@1M`, '::'])).stdout
    .split('\n')
    .map((line) => line.slice('::/'.length));

test.each([
  ['with room behind its partition: what it keeps lies there', 'roomy', 512, 'partition'],
  ['that is one partition to its end: what it keeps lies in a folder', 'narrow', 0, 'folder'],
] as const)('a plain card %s', { timeout: 8 * bootMs }, async (_what, name, roomBehind, kind) => {
  const { client } = lab.drover;
  const mac = `52:54:00:f1:a7:0${kind === 'folder' ? 1 : 2}`;
  await client.call('createDevice', { body: { name, mac, model: 'virt' } });
  await client.call('provision', { body: { image: 'fast:1', device: name, rootMode: 'sd' } });
  await lab.drover.deviceUntil(name, ({ state }) => state === 'in-use', 300_000);
  const { image: card } = await writeCard(lab, { device: name, roomBehind });
  expect(await filesOf(card)).toEqual(expect.arrayContaining(['config.txt', 'drover.img', 'drover/card.pub']));

  const own = createCardBoard({ lab: lab.lab, mac, card, append: 'drover.offline=20' });
  board = own;
  own.on();
  const first = await lab.up(own, name, null, 2 * bootMs);
  expect(own.starts.map(({ choice }) => choice.osPrefix)).toEqual(['', 'drover/a/']);
  await lab.kept(first.lastSession);
  const files = await filesOf(card);
  expect(files).toEqual(expect.arrayContaining(['drover/boot.txt', 'drover/a/SHA256SUMS']));
  expect(files.some((file) => file.startsWith('drover/cache/'))).toBe(kind === 'folder');
  expect((await lab.drover.client.call('getDevice', { params: { ref: name } })).assignment?.imageName).toBe('fast:1');
  await own.off();

  const next = `${name}:2`;
  await lab.image(next, { root: { '/etc/drover-version': 'two\n' }, config: `# the second of ${name}\n` });
  await lab.reimage(name, next);
  own.on();
  const second = await lab.up(own, name, first.lastSession, 2 * bootMs);
  expect(own.starts.slice(2).map(({ choice }) => choice.osPrefix)).toEqual(['drover/a/', 'drover/b/']);
  await lab.kept(second.lastSession);
  await own.off();

  const speak = await lab.silence();
  own.on();
  try {
    await own.saw(new RegExp(`starting from the card[\\s\\S]*fast image is up: ${name}`), bootMs, 4);
  } finally {
    speak();
  }
});
