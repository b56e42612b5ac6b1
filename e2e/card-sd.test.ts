import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { randomFrom } from '../packages/server/test/contract/support/child.js';
import { announceMoments, factor, loopTimeout, seed } from '../packages/server/test/interop/moments.js';
import { createCardBoard, type CardLog } from './card-sd/card-board.js';
import { bootMs, startCardLab, type CardLab } from './card-sd/card-lab.js';
import { cardsAfterCuts, cutRecorded, setsOf } from './card-sd/recorded-cuts.js';

// Boards that keep their root on a card which updates itself: the firmware of the simulator reads the card at each start.

const moments = announceMoments('power cuts of a self-update', 50);
/** Cards after a cut that a board is started with. */
const realBoots = Math.floor(factor / 4);
/** The firmware of a Pi 4 and later knows `tryboot`, the one before does not: the gate sees one of them here and the other in card-sd-fallback.test.ts. */
const ways = factor > 1 ? (['yes', 'no'] as const) : (['yes'] as const);

let lab: CardLab;
beforeAll(async () => {
  lab = await startCardLab('cardsd');
});
afterEach(() => lab.boardsOff());
afterAll(() => lab?.stop());

/** Starts what cuts left of a card, without the server: each must come up. */
async function startAfterCuts(name: string, mac: string, log: CardLog): Promise<void> {
  const speak = await lab.silence();
  try {
    for (const { card, moment } of cardsAfterCuts(log, realBoots, randomFrom(seed))) {
      const board = createCardBoard({ lab: lab.lab, mac, card, append: 'drover.offline=5' });
      board.on();
      try {
        await board.saw(`fast image is up: ${name}`, 2 * bootMs);
      } catch (error) {
        throw new Error(`after ${moment.given} writes, ${moment.durable} of them durable (seed ${seed})`, {
          cause: error,
        });
      } finally {
        await board.off();
        await rm(card);
      }
    }
  } finally {
    speak();
  }
}

test.each(ways)(
  'a board keeps its root, takes a new image with its boot files at the next start, and starts without its server (tryboot: %s)',
  { timeout: 8 * bootMs + loopTimeout(moments) },
  async (tryboot) => {
    const name = `keeper-${tryboot}`;
    const board = await lab.board(name, 'fast:1', { append: `drover.offline=20 drover.tryboot=${tryboot}` });
    board.on();
    const first = await lab.up(board, name);
    const steps = await lab.reports(first.lastSession);
    expect(steps.some((step) => /^signed ok version \d+, fast:1/.test(step))).toBe(true);
    expect(steps.some((step) => step.startsWith('download ok') && !step.includes('already'))).toBe(true);
    expect(board.starts).toHaveLength(1);
    expect(board.starts[0]?.choice.osPrefix).toBe('drover/a/');
    await board.saw(`fast image is up: ${name}`, 60_000);
    await lab.kept(first.lastSession);
    await board.off();

    board.on();
    const second = await lab.up(board, name, first.lastSession);
    expect(await lab.reports(second.lastSession)).toContain('download ok on the card already');
    // What it has now is known from its first heartbeat, so that the delta is made before it asks.
    const healthOf = async () => (await lab.drover.client.call('getDevice', { params: { ref: name } })).health;
    await expect.poll(healthOf, { timeout: 120_000 }).toMatchObject({ status: 'healthy', image: 'fast:1' });
    await board.off();

    const next = `next:${tryboot}`;
    await lab.image(next, { root: { '/etc/drover-version': 'two\n' }, config: `# the second version ${tryboot}\n` });
    await lab.reimage(name, next);
    const { id: subject } = await lab.drover.client.call('getImage', { params: { ref: next } });
    const deltas = async () =>
      (await lab.drover.client.call('listJobs', { query: { kind: 'image.delta', subject } })).items;
    await expect.poll(deltas, { timeout: 120_000 }).toMatchObject([{ state: 'succeeded', result: { worth: true } }]);
    const starts = board.starts.length;
    const log = await board.record();
    board.on();
    const third = await lab.up(board, name, second.lastSession);
    expect(board.starts.slice(starts).map(({ choice }) => choice.osPrefix)).toEqual(['drover/a/', 'drover/b/']);
    const sessions = await lab.drover.client.call('listSessions', { query: { device: third.id } });
    const updated = await lab.reports(sessions.items.at(1)?.id ?? null);
    expect(updated.some((step) => /^download ok .* instead of .*, made of \w+ in \d+ s$/.test(step))).toBe(true);
    const method = tryboot === 'yes' ? 'tryboot' : 'pointer';
    expect(updated.some((step) => step.startsWith(`update ok into set b, to be tried by ${method}`))).toBe(true);
    await board.saw(`fast image is up: ${name}`, 60_000, starts + 1);
    await lab.kept(third.lastSession);
    await board.off();

    const sets = await setsOf(board.card);
    const verdicts = await cutRecorded(log, sets, moments, randomFrom(seed));
    expect(verdicts.filter(({ wrong }) => wrong !== undefined).slice(0, 3), `seed ${seed}`).toEqual([]);
    expect(new Set(verdicts.map(({ set }) => set))).toEqual(new Set(['a', 'b']));
    await startAfterCuts(name, board.mac, log);
    console.log(
      `loop power cuts of a self-update by ${method}: ${moments} moments, 0 failures; ${realBoots} started for real`,
    );

    board.unrecord();
    const speak = await lab.silence();
    board.on();
    try {
      await board.saw(new RegExp(`starting from the card[\\s\\S]*fast image is up: ${name}`), bootMs, starts + 2);
    } finally {
      speak();
    }
    const fourth = await lab.up(board, name, third.lastSession);
    const late = await lab.reports(fourth.lastSession);
    expect(late.some((step) => /^\w+ info going on without the server: /.test(step))).toBe(true);
    expect(late).toContain('mount ok');
  },
);
