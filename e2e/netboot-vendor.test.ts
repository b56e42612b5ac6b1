import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { powerOn, type Pi } from './drover/board.js';
import { startDrover, type Drover } from './drover/server.js';
import { inputs } from './inputs/index.js';
import { createLab, type Lab } from './lab/index.js';

let lab: Lab;
let drover: Drover;
const running = new Set<Pi>();

beforeAll(async () => {
  lab = await createLab({ name: 'vendor' });
  drover = await startDrover(lab);
  const image = await drover.importImage((await inputs.adverse()).path, 'vendor', '1');
  expect(image.facts?.models).toEqual(expect.arrayContaining(['pi3', 'pi4', 'pi5']));
  expect([...(image.facts?.rootModes ?? [])].sort()).toEqual(['nbd', 'ram', 'stream']);
});
afterEach(async () => {
  for (const pi of running) await pi.kill();
  running.clear();
});
afterAll(async () => {
  await drover?.stop();
  await lab?.dispose();
});

/** A board with the image in that mode, from power-on to up. What its system said. */
async function comesUp(rootMode: 'ram' | 'nbd' | 'stream', serial: string, cpus: number): Promise<string> {
  const name = `vendor-${rootMode}`;
  await drover.client.call('createDevice', { body: { name, serial, bootPrefix: serial.slice(-8), model: 'pi4' } });
  await drover.client.call('provision', { body: { image: 'vendor:1', device: name, rootMode } });
  await drover.deviceUntil(name, ({ state }) => state === 'in-use', 300_000);
  const pi = await powerOn(lab, { model: '4b', serial, memoryMb: 1024, cpus, append: 'systemd.show_status=1' });
  running.add(pi);
  const device = await drover
    .deviceUntil(name, ({ upGeneration, assignment }) => upGeneration === assignment?.generation, 900_000)
    .catch((fault: Error) => {
      throw new Error(`${fault.message}\n${pi.guestConsole().slice(-4000)}`);
    });
  const session = await drover.client.call('getSession', { params: { id: device.lastSession ?? '' } });
  expect(session).toMatchObject({ outcome: 'up', verdict: null });
  return pi.guestConsole();
}

const trouble = /emergency mode|Timed out waiting for device/;

test('the adverse vendor image comes up unmodified', async () => {
  expect(await comesUp('ram', '10000000ad5e0001', 2)).not.toMatch(trouble);
});

test('the adverse vendor image comes up from a disk of its own, and from the image itself, at once', async () => {
  const [own, streamed] = await Promise.all([
    comesUp('nbd', '10000000ad5e0002', 1),
    comesUp('stream', '10000000ad5e0003', 1),
  ]);
  expect(streamed).not.toMatch(trouble);
  // A partition that fstab names and the image has not may yet come to a disk of its own: the system looks for that one a while, and goes on.
  const rest = own.split('\n').filter((line) => !line.includes('00000a7f-03'));
  expect(rest.join('\n')).not.toMatch(trouble);
});
