import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Device, TimelineEntry } from '@drover/contract';
import { createCardBoard, type CardBoard, type CardBoardOptions } from './card-sd/card-board.js';
import { changedImage } from './card-sd/images.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { run } from './inputs/run.js';

// Boards that keep their root on a card which updates itself: the firmware of the simulator reads the card at each start.

const cli = fileURLToPath(new URL('../packages/cli/bin/drover.js', import.meta.url));
const bootMs = 400_000;
let fast: FastLab;
const boards: CardBoard[] = [];

beforeAll(async () => {
  fast = await startFastLab('cardsd');
});
afterEach(async () => {
  for (const board of boards.splice(0)) await board.off();
});
afterAll(() => fast?.stop());

/** A card as a person makes it for a board: `drover card image --self-updating`. */
async function makeCard(name: string, image: string): Promise<string> {
  const { drover, lab } = fast;
  const file = path.join(lab.dir, `${name}.img`);
  await run(
    [
      ...['node', cli, 'card', 'image', file, '--image', image, '--self-updating', '--size', '1G'],
      ...['--card-server', `http://${lab.net.server}:8081`, '--device', name, '--hostname', name],
    ],
    { env: { ...process.env, DROVER_SERVER: drover.url, DROVER_KEY: drover.key, HOME: lab.dir } },
  );
  return file;
}

let macs = 0;
async function boardWith(name: string, image: string, more: Partial<CardBoardOptions> = {}): Promise<CardBoard> {
  const { drover, lab } = fast;
  const mac = `52:54:00:5d:00:${(macs++).toString(16).padStart(2, '0')}`;
  await drover.client.call('createDevice', { body: { name, mac, model: 'virt' } });
  await drover.client.call('provision', { body: { image, device: name, rootMode: 'sd' } });
  await drover.deviceUntil(name, ({ state }) => state === 'in-use', 300_000);
  const board = createCardBoard({ lab, mac, card: await makeCard(name, image), append: 'drover.offline=20', ...more });
  boards.push(board);
  return board;
}

/** Waits for a boot after that session to be told as up. */
async function up(board: CardBoard, name: string, after: string | null = null): Promise<Device> {
  const { drover } = fast;
  const isUp = async ({ lastSession }: Device): Promise<boolean> =>
    lastSession !== null &&
    lastSession !== after &&
    (await drover.client.call('getSession', { params: { id: lastSession } })).outcome === 'up';
  const until = Date.now() + bootMs;
  for (;;) {
    const device = await drover.deviceUntil(name, () => true, 60_000);
    if (await isUp(device)) return device;
    if (Date.now() > until) throw new Error(`${name} is not up:\n${board.said().slice(-6000)}`);
    await sleep(500);
  }
}

/** Waits until the board has noted on its card that this boot was a good one: before that, a cut is a try that failed. */
const kept = (session: string | null): Promise<void> =>
  expect
    .poll(async () => reportsOf(await timelineOf(session)).some((step) => /^trial ok \w+ is kept$/.test(step)), {
      timeout: 120_000,
      interval: 500,
    })
    .toBe(true);

const timelineOf = async (session: string | null): Promise<TimelineEntry[]> =>
  (await fast.drover.timelineOf(session)).map(({ entry }) => entry);
const reportsOf = (entries: readonly TimelineEntry[]): string[] =>
  entries.flatMap((entry) => (entry.type === 'report' ? [`${entry.step} ${entry.state} ${entry.message}`.trim()] : []));

async function imageOf(ref: string, changes: Parameters<typeof changedImage>[1]): Promise<void> {
  const [name = '', version = ''] = ref.split(':');
  await fast.drover.importImage(await changedImage(fast.lab.dir, changes), name, version);
}

const reimage = async (name: string, image: string): Promise<void> => {
  await fast.drover.client.call('reimageDevice', { params: { ref: name }, body: { image, rootMode: 'sd' } });
  await fast.drover.deviceUntil(name, ({ state }) => state === 'in-use', 300_000);
};

/** The server does not answer, as if the line was cut; gives what ends that. */
async function silence(): Promise<() => void> {
  const { drover } = fast;
  const pids = [drover.process.pid, await drover.pidOf('boot'), await drover.pidOf('control')];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  return () => pids.forEach((pid) => process.kill(pid, 'SIGCONT'));
}

test('a board keeps its root, takes a new image with its boot files at the next start, and starts without its server', async () => {
  const board = await boardWith('keeper', 'fast:1');
  board.on();
  const first = await up(board, 'keeper');
  const steps = reportsOf(await timelineOf(first.lastSession));
  expect(steps.some((step) => /^signed ok version \d+, fast:1/.test(step))).toBe(true);
  expect(steps.some((step) => step.startsWith('download ok') && !step.includes('already'))).toBe(true);
  expect(board.starts).toHaveLength(1);
  expect(board.starts[0]?.choice.osPrefix).toBe('drover/a/');
  await board.saw('fast image is up: keeper', 60_000);
  await kept(first.lastSession);
  await board.off();

  board.on();
  const second = await up(board, 'keeper', first.lastSession);
  expect(reportsOf(await timelineOf(second.lastSession))).toContain('download ok on the card already');
  await board.off();

  await imageOf('fast:2', { root: { '/etc/drover-version': 'two\n' }, config: '# the second version\n' });
  await reimage('keeper', 'fast:2');
  const starts = board.starts.length;
  board.on();
  const third = await up(board, 'keeper', second.lastSession);
  expect(board.starts.slice(starts).map(({ choice }) => choice.osPrefix)).toEqual(['drover/a/', 'drover/b/']);
  const sessions = await fast.drover.client.call('listSessions', { query: { device: third.id } });
  const updated = await timelineOf(sessions.items.at(1)?.id ?? null);
  expect(reportsOf(updated).some((step) => step.startsWith('update ok into set b, to be tried by pointer'))).toBe(true);
  await board.saw('fast image is up: keeper', 60_000, starts + 1);
  await kept(third.lastSession);
  await board.off();

  const speak = await silence();
  board.on();
  try {
    await board.saw(/starting from the card[\s\S]*fast image is up: keeper/, bootMs, starts + 2);
  } finally {
    speak();
  }
  const fourth = await up(board, 'keeper', third.lastSession);
  const late = reportsOf(await timelineOf(fourth.lastSession));
  expect(late.some((step) => /^\w+ info going on without the server: /.test(step))).toBe(true);
  expect(late).toContain('mount ok');
});

test.each(['no', 'yes'])(
  'boot files and root that do not come up are given up after three tries, and that is told (tryboot: %s)',
  async (tryboot) => {
    const name = `careful-${tryboot}`;
    const board = await boardWith(name, 'fast:1', {
      append: `drover.offline=20 panic=2 drover.tryboot=${tryboot}`,
    });
    board.on();
    const first = await up(board, name);
    await kept(first.lastSession);
    await board.off();
    const broken = `broken:${tryboot}`;
    await imageOf(broken, {
      root: { '/etc/inittab': '::sysinit:/bin/sh -c "echo this root is broken; reboot -f"\n' },
      config: `# broken ${tryboot}\n`,
    });
    await reimage(name, broken);
    const starts = board.starts.length;
    board.on();
    await board.saw(/this root is broken/, bootMs, starts);
    await board.saw('did not come up in 3 tries', 2 * bootMs, starts);
    await board.saw(`fast image is up: ${name}`, bootMs, starts + 3);
    const tries = board.starts.slice(starts).filter(({ guest }) => guest.console.text().includes('root is broken'));
    expect(tries).toHaveLength(3);
    expect(board.starts.at(-1)?.choice.osPrefix).toBe('drover/a/');
    const device = await fast.drover.client.call('getDevice', { params: { ref: name } });
    const told = reportsOf(await timelineOf(device.lastSession));
    expect(told.some((step) => step.includes(`${broken} did not come up in 3 tries on this board`))).toBe(true);
    expect(device.lastSession).not.toBe(first.lastSession);
  },
);
