import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TimelineItem } from '@drover/contract';
import { powerOn, type Pi } from './drover/board.js';
import { startDrover, type Drover } from './drover/server.js';
import { inputs } from './inputs/index.js';
import { createLab, type Lab } from './lab/index.js';

const bootMs = 240_000;
let lab: Lab;
let drover: Drover;

beforeAll(async () => {
  lab = await createLab({ name: 'netboot' });
  drover = await startDrover(lab, { settings: { log: { level: 'debug' } } });
  await drover.importImage((await inputs.fast()).path, 'fast', '1');
});
afterAll(async () => {
  await drover?.stop();
  await lab?.dispose();
});

const timelineOf = async (session: string): Promise<TimelineItem[]> => {
  const items: TimelineItem[] = [];
  for await (const item of drover.client.each('getTimeline', { params: { id: session } })) items.push(item);
  return items;
};

/** Steps the board reported well, in order. */
const stepsOf = (items: readonly TimelineItem[]): string[] =>
  items.flatMap(({ entry }) => (entry.type === 'report' && entry.state === 'ok' ? [entry.step] : []));

const prefixOf = (serial: string): string => serial.slice(-8);

describe('a Pi 4 that nobody knows', () => {
  const serial = '10000000c0ffee01';
  let pi: Pi;

  test('appears as discovered and gets nothing bootable', async () => {
    pi = await powerOn(lab, { model: '4b', serial, firmwareOnly: true });
    await pi.ended;
    const device = await drover.deviceUntil(prefixOf(serial), ({ state }) => state === 'discovered', 20_000);
    expect(device).toMatchObject({ model: 'pi4', bootPrefix: prefixOf(serial), firmware: 'ee' });
    const loaded = pi.steps().filter((step) => step.type === 'loaded');
    expect(loaded).toEqual([]);
  });

  test('comes up with the image it is given, with nothing on the board', async () => {
    await drover.client.call('adoptDevice', { params: { ref: prefixOf(serial) }, body: { name: 'first' } });
    await drover.client.call('provision', { body: { image: 'fast:1', device: 'first' } });
    await drover.deviceUntil('first', ({ state }) => state === 'in-use', 120_000);
    pi = await powerOn(lab, { model: '4b', serial, boots: 2 });
    const device = await drover.deviceUntil(
      'first',
      ({ upGeneration, assignment }) => upGeneration === assignment?.generation,
      bootMs,
    );
    const session = await drover.client.call('getSession', { params: { id: device.lastSession ?? '' } });
    expect(session).toMatchObject({ outcome: 'up', stage: 'up', verdict: null });
    const items = await timelineOf(session.id);
    expect(stepsOf(items)).toEqual(
      expect.arrayContaining([
        'network',
        'clock',
        'exchange',
        'download',
        'verify',
        'mount',
        'identity',
        'prepare',
        'switch',
        'up',
      ]),
    );
    expect(items.map(({ entry }) => entry.type)).toEqual(
      expect.arrayContaining(['dhcp.discover', 'dhcp.offer', 'tftp.file', 'exchange', 'root.download']),
    );
    expect(items.map(({ seq }) => seq)).toEqual(items.map((_, index) => index + 1));
  });
});
