import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dhcpLab, serverAddress, type DhcpLab } from './dhcp-lab.js';

// The whole boot plane with its default settings (boot.interfaces: auto), on a machine whose network comes up later than the server.

let lab: DhcpLab;
let folder: string;
beforeAll(async () => {
  lab = await dhcpLab();
  folder = await mkdtemp(join(tmpdir(), 'drv-plane-'));
});
afterAll(async () => {
  await lab?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What a board of the client's would see: a TFTP server says at once that a file is not there (curl's 68), or nothing comes. */
const asksFor = async (address: string): Promise<string> => {
  const curl = lab.start('client', 'curl', ['-sS', '--max-time', '2', `tftp://${address}/91cdf03d/config.txt`]);
  const [code] = (await once(curl.child, 'close')) as [number];
  return code === 68 ? 'not found' : `nothing (${code})`;
};

it('serves a network that is not there yet, follows its address, and leaves it when it goes', async () => {
  await lab.ip('client', 'addr', 'add', '10.77.0.101/24', 'dev', 'eth0');
  await lab.ip('server', 'addr', 'del', `${serverAddress}/24`, 'dev', 'br0');
  const plane = lab.bootPlane(folder);
  await plane.says(/no network interface is up[^]*"ready"/);

  await lab.ip('server', 'addr', 'add', `${serverAddress}/24`, 'dev', 'br0');
  await plane.says(/"10\.77\.0\.1","message":"boards are served here from now on"/);
  expect(await asksFor(serverAddress)).toBe('not found');

  await lab.ip('server', 'addr', 'add', '10.77.0.9/24', 'dev', 'br0');
  await lab.ip('server', 'addr', 'del', `${serverAddress}/24`, 'dev', 'br0');
  await plane.says(/"10\.77\.0\.1","message":"boards are no longer served here"/);
  // Linux takes the second address of a network away with the first.
  await lab.ip('server', 'addr', 'replace', '10.77.0.9/24', 'dev', 'br0');
  await plane.says(/"10\.77\.0\.9","message":"boards are served here from now on"/);
  expect(await asksFor('10.77.0.9')).toBe('not found');
  expect(await asksFor(serverAddress)).toMatch(/nothing/);

  await lab.ip('server', 'link', 'set', 'br0', 'down');
  await plane.says(/"10\.77\.0\.9","message":"boards are no longer served here"/);
  await plane.end();
  expect(plane.child.exitCode).toBe(0);
});
