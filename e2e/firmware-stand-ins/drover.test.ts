import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startFastLab, type FastLab } from '../drover/fast-lab.js';
import type { Drover } from '../drover/server.js';
import { edk2, uboot, type Guest, type Lab } from '../lab/index.js';

let fast: FastLab;
let lab: Lab;
let drover: Drover;
let guest: Guest | undefined;

beforeAll(async () => {
  fast = await startFastLab('stand-ins');
  ({ lab, drover } = fast);
});
afterEach(async () => {
  await guest?.kill();
  guest = undefined;
});
afterAll(() => fast?.stop());

async function register(name: string, mac: string): Promise<void> {
  await drover.client.call('createDevice', { body: { name, mac, model: 'virt' } });
  await drover.client.call('provision', { body: { image: 'fast:1', device: name } });
  await drover.deviceUntil(name, ({ state }) => state === 'in-use', 120_000);
}

test('EDK2, registered by MAC, asks port 4011 and starts the kernel it is told', async () => {
  const mac = '52:54:00:ed:20:01';
  await register('uefi', mac);
  guest = await edk2({ lab, mac });
  await guest.console.expect('Start PXE over IPv4', 120_000);
  const from = await guest.console.expect(/Server IP address is (\S+)\r?\n/, 90_000);
  expect(from[1]).toBe(lab.net.server);
  await guest.console.expect(/EFI stub: Booting Linux Kernel/, 240_000);
  const { items } = await drover.client.call('listSessions', { query: { device: 'uefi', limit: 1 } });
  expect(items[0]).toMatchObject({ firmware: 'edk2', mac });
});

test('U-Boot loads the files of its device over TFTP and gets none of another’s', async () => {
  const mac = '52:54:00:0b:00:01';
  await register('uboot', mac);
  const machine = await uboot({ lab, mac });
  guest = machine;
  await machine.command('setenv autoload no');
  await machine.command('dhcp');
  await machine.command(`setenv serverip ${lab.net.server}`);
  const folder = mac.replaceAll(':', '-');
  expect(await machine.command('tftpboot ${loadaddr} ' + `${folder}/cmdline.txt`)).toMatch(/Bytes transferred = \d+/);
  const { size } = (await drover.client.call('listImageFiles', { params: { ref: 'fast:1' }, query: {} })).items.find(
    ({ path }) => path === 'kernel8.img',
  ) ?? { size: 0 };
  expect(await machine.command('tftpboot ${kernel_addr_r} ' + `${folder}/kernel8.img`, 180_000)).toContain(
    `Bytes transferred = ${size}`,
  );
  expect(await machine.command('tftpboot ${loadaddr} ' + `${folder}/absent.txt`)).toMatch(/File not found|TFTP error/);
  expect(await machine.command('tftpboot ${loadaddr} 52-54-00-ff-ff-ff/cmdline.txt')).toMatch(
    /File not found|TFTP error/,
  );
});

test('a machine that is neither a Pi nor registered is not answered', async () => {
  guest = await edk2({ lab, mac: '52:54:00:ed:20:99' });
  await guest.console.expect('Start PXE over IPv4', 120_000);
  await guest.console.expect(/PXE-E\d+|No response|not found|Server response timeout/i, 240_000);
  const { items } = await drover.client.call('listDevices', { query: {} });
  expect(items.map((device) => device.mac)).not.toContain('52:54:00:ed:20:99');
});
