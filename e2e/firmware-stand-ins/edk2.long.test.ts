import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { inputs, type FastImage } from '../inputs/index.js';
import { run } from '../inputs/run.js';
import { createLab, edk2, type Lab } from '../lab/index.js';
import { startDnsmasqNetboot } from './netbootServer.js';

let image: FastImage;
let lab: Lab | undefined;

beforeAll(async () => {
  image = await inputs.fast();
});
afterEach(async () => lab?.dispose());

test('EDK2 takes its address from the router, the file from the proxy’s port 4011 and TFTP, and starts it', async () => {
  lab = await createLab({ name: 'edk2' });
  const root = await mkdtemp(path.join(lab.dir, 'tftp-'));
  // Debian's kernel is an EFI program as it is.
  await run(['cp', image.kernel, path.join(root, 'boot.efi')]);
  const server = await startDnsmasqNetboot(lab, { root, efiFile: 'boot.efi' });
  const guest = await edk2({ lab });
  await guest.console.expect('Start PXE over IPv4', 120_000);
  const address = await guest.console.expect(/Station IP address is (\S+)\r?\n/, 60_000);
  const from = await guest.console.expect(/Server IP address is (\S+)\r?\n/, 30_000);
  await guest.console.expect(/EFI stub: Booting Linux Kernel/, 180_000);
  expect(from[1]).toBe(lab.net.server);
  expect(await lab.router?.leases()).toMatchObject([{ mac: guest.mac, address: address[1] }]);
  // An ACK (type 5) with the file's name is the answer from port 4011; the OFFER before had none.
  expect(server.console.text()).toMatch(/bootfile name: boot\.efi[^]*message-type {2}5[^]*sent .*boot\.efi to/);
  await guest.kill();
});
