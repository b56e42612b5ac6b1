import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOn, type Pi } from './drover/board.js';
import { startDrover, type Drover } from './drover/server.js';
import { inputs } from './inputs/index.js';
import { createLab, type Lab } from './lab/index.js';

const serial = '10000000ad5e0001';
let lab: Lab;
let drover: Drover;
let pi: Pi | undefined;

beforeAll(async () => {
  lab = await createLab({ name: 'vendor' });
  drover = await startDrover(lab);
});
afterAll(async () => {
  await pi?.kill();
  await drover?.stop();
  await lab?.dispose();
});

test('the adverse vendor image comes up unmodified', async () => {
  const image = await drover.importImage((await inputs.adverse()).path, 'vendor', '1');
  expect(image.facts?.models).toEqual(expect.arrayContaining(['pi3', 'pi4', 'pi5']));
  await drover.client.call('createDevice', {
    body: { name: 'vendor', serial, bootPrefix: serial.slice(-8), model: 'pi4' },
  });
  await drover.client.call('provision', { body: { image: 'vendor:1', device: 'vendor' } });
  await drover.deviceUntil('vendor', ({ state }) => state === 'in-use', 300_000);
  pi = await powerOn(lab, { model: '4b', serial, memoryMb: 1024, cpus: 2, append: 'systemd.show_status=1' });
  const board = pi;
  const device = await drover
    .deviceUntil('vendor', ({ upGeneration, assignment }) => upGeneration === assignment?.generation, 600_000)
    .catch((fault: Error) => {
      throw new Error(`${fault.message}\n${board.guestConsole().slice(-4000)}`);
    });
  const session = await drover.client.call('getSession', { params: { id: device.lastSession ?? '' } });
  expect(session).toMatchObject({ outcome: 'up', verdict: null });
  expect(board.guestConsole()).not.toMatch(/emergency mode|Timed out waiting for device/);
});
