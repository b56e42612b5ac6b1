import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { startDrover, type Drover } from './drover/server.js';
import { ask, shellOf } from './drover/shell.js';
import type { Guest } from './lab/index.js';

// A board whose root is a block device of the server, while that is away.

/** The boot plane may be away for so long. */
const awayMs = 60_000;
const serial = '10000000d15c0003';
let fast: FastLab;
let drover: Drover;
let guest: Guest | undefined;

beforeAll(async () => {
  fast = await startFastLab('away');
  ({ drover } = fast);
});
afterAll(async () => {
  await guest?.kill();
  // It may be another by then.
  await drover?.stop();
  await fast?.stop();
});

test('a board goes on when the server was away for a minute, and shuts down in order', async () => {
  await drover.provisioned({ name: 'patient', serial, image: 'fast:1', rootMode: 'nbd' });
  guest = await powerOnWithConsole(fast.lab, { model: '4b', serial });
  await drover.untilUp('patient');
  await shellOf(guest);
  // Writes go on all the while; none of them may fail.
  guest.send(
    'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i >>/numbers && sync -d /numbers && sleep 0.1 || { echo FAILED $i; break; }; done; echo "WROTE $(wc -l </numbers)"\n',
  );
  await sleep(3000);
  process.kill(await drover.pidOf('boot'), 'SIGKILL');
  await sleep(8000);
  await drover.stop();
  await sleep(awayMs);
  drover = await startDrover(fast.lab);
  const wrote = await guest.console.expect(/\nWROTE (\d+)\r?\n|\nFAILED \d+/, 240_000);
  expect(wrote[1]).toBe('300');
  expect(await ask(guest, 'dmesg | grep -ciE "I/O error|EXT4-fs error|remounting" || true')).toBe('0');
  guest.send('poweroff\n');
  await guest.ended;
  await drover.client.call('releaseDevice', { params: { ref: 'patient' } });
  await expect
    .poll(async () => (await drover.client.call('listDisks', { query: { role: 'root' } })).items, { timeout: 30_000 })
    .toEqual([]);
});
