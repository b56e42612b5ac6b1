import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOn } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import type { Drover } from './drover/server.js';
import type { Lab } from './lab/index.js';

let fast: FastLab;
let lab: Lab;
let drover: Drover;
const running: { kill(): Promise<unknown> }[] = [];

beforeAll(async () => {
  fast = await startFastLab('netboot');
  ({ lab, drover } = fast);
});
afterAll(async () => {
  for (const process of running) await process.kill();
  await fast?.stop();
});

test('two boards boot one image at once', async () => {
  const serials = { left: '10000000c0ffee04', right: '10000000c0ffee05' };
  for (const [name, serial] of Object.entries(serials)) {
    await drover.provisioned({ name, serial, image: 'fast:1' });
    running.push(await powerOn(lab, { model: '4b', serial }));
  }
  const boards = await Promise.all([drover.untilUp('left'), drover.untilUp('right')]);
  expect(new Set(boards.map(({ lastSession }) => lastSession)).size).toBe(2);
});
