import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TimelineItem } from '@drover/contract';
import { plugIn as plugInto, provisionFast, writeCard, type Card } from './drover/card.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import type { Guest } from './lab/index.js';

let fast: FastLab;
const running: Guest[] = [];

beforeAll(async () => {
  fast = await startFastLab('card');
});
afterEach(async () => {
  for (const guest of running.splice(0)) await guest.kill();
});
afterAll(() => fast?.stop());

const plugIn = async (card: Card, mac: string): Promise<Guest> => {
  const guest = await plugInto(fast, card, { mac });
  running.push(guest);
  return guest;
};

const stepsOf = (items: readonly TimelineItem[]): string[] =>
  items.flatMap(({ entry }) => (entry.type === 'report' && entry.state === 'ok' ? [entry.step] : []));

test('a board with nothing but the server’s archive on a plain FAT partition comes up, each step on its timeline', async () => {
  const { drover } = fast;
  const mac = '52:54:00:ca:4d:01';
  await provisionFast(fast, 'carded', mac);
  const guest = await plugIn(await writeCard(fast, { device: 'carded' }), mac);
  const device = await drover.untilUp('carded').catch((fault: Error) => {
    throw new Error(`${fault.message}\n${guest.console.text().slice(-4000)}`);
  });
  const session = await drover.client.call('getSession', { params: { id: device.lastSession ?? '' } });
  expect(session).toMatchObject({ outcome: 'up', stage: 'up', verdict: null, mac });
  const items = await drover.timelineOf(session.id);
  const steps = ['start', 'modules', 'card', 'network', 'ask', 'clock', 'exchange', 'download', 'switch', 'up'];
  expect(stepsOf(items).filter((step) => steps.includes(step))).toEqual(steps);
  expect(items.find(({ entry }) => entry.type === 'card.asked')?.entry).toMatchObject({ outcome: 'booting' });
});

test('a board whose server is away, and then has nothing for it, waits and comes up in the end', async () => {
  const { drover } = fast;
  const mac = '52:54:00:ca:4d:02';
  const card = await writeCard(fast);
  // The one that watches the planes first, that it does not start others instead.
  const away = [drover.process.pid, await drover.pidOf('boot'), await drover.pidOf('control')];
  for (const pid of away) process.kill(pid, 'SIGSTOP');
  const guest = await plugIn(card, mac);
  try {
    await guest.console.expect(/drover: asking \S+ again: no answer/, 240_000);
  } finally {
    for (const pid of away) process.kill(pid, 'SIGCONT');
  }
  const isReady = async (): Promise<boolean> =>
    (await fetch(`${drover.url}/readyz`).catch(() => undefined))?.ok === true;
  await expect.poll(isReady, { timeout: 120_000, interval: 500 }).toBe(true);
  await drover.client.call('createDevice', { body: { name: 'patient', mac, model: 'virt' } });
  await guest.console.expect(/drover: asking \S+ again: .*no image is assigned/, 120_000);
  await drover.client.call('provision', { body: { image: 'fast:1', device: 'patient' } });
  const device = await drover.untilUp('patient').catch((fault: Error) => {
    throw new Error(`${fault.message}\n${guest.console.text().slice(-4000)}`);
  });
  expect(stepsOf(await drover.timelineOf(device.lastSession))).toEqual(expect.arrayContaining(['card', 'ask', 'up']));
});
