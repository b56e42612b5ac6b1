import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { shellOf } from './drover/shell.js';
import type { Guest } from './lab/index.js';

// What a kernel says over the network, by its own module, until it says no more.

let fast: FastLab;
let guest: Guest | undefined;
beforeAll(async () => {
  fast = await startFastLab('logs', async () => ({
    boot: {
      http: { listen: ['0.0.0.0:8081'] },
      interfaces: ['eth0'],
      logs: { listen: ['0.0.0.0:6666'], kernel: true },
    },
  }));
});
afterAll(async () => {
  await guest?.kill();
  await fast?.stop();
});

const linesOf = async (session: string | null): Promise<string> =>
  (await fast.drover.timelineOf(session))
    .flatMap(({ entry }) => (entry.type === 'log' && entry.source === 'netconsole' ? [entry.text] : []))
    .join('\n');

test('a kernel is heard from its start on, while it runs, and when it dies', async () => {
  const { serial } = await fast.drover.provisioned({ name: 'talker', serial: '1000000010660001', image: 'fast:1' });
  guest = await powerOnWithConsole(fast.lab, { model: '4b', serial: serial ?? '' });
  const { lastSession } = await fast.drover.untilUp('talker');
  await shellOf(guest);
  const heard = () => linesOf(lastSession);
  await expect.poll(heard, { timeout: 60_000 }).toMatch(/^\[ +0\.0+\] Booting Linux on physical CPU/);
  guest.send('echo "<4>somebody is at the console" >/dev/kmsg\n');
  await expect.poll(heard, { timeout: 60_000 }).toMatch(/\[ *\d+\.\d+\] somebody is at the console/);
  guest.send('echo c >/proc/sysrq-trigger\n');
  await expect.poll(heard, { timeout: 60_000 }).toContain('Kernel panic - not syncing: sysrq triggered crash');
});
