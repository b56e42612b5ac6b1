import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DeviceFilePut } from '@drover/contract';
import { systemClock } from '../../src/adapters/system/index.js';
import { createDeviceFiles } from '../../src/app/devices/files.js';
import { createBoardNews } from '../../src/app/disks/board-news.js';
import type { Service } from '../../src/app/ports.js';
import { silentLog } from '../boot/log.js';
import { startIsolationLab, type Answer, type Host, type IsolationLab } from './isolation-lab.js';
import { admin } from './netboot-lab.js';

// Files of a board that is up change at the server: over real sockets, both planes and a real database.

let lab: IsolationLab;
let news: Service;
let device: string;
let host: Host;
let listed: () => Answer | undefined;
const off = new AbortController();

const files = () => createDeviceFiles({ store: lab.store, clock: systemClock });
const put = async (path: string, text: string): Promise<void> => {
  const content = Buffer.from(text).toString('base64');
  expect(await files().put(admin, device, DeviceFilePut.parse({ path, content }))).toMatchObject({ ok: true });
};
const startNews = async (): Promise<void> => {
  news = createBoardNews({ store: lab.store, events: lab.store.events, orders: lab.orders, log: silentLog });
  await news.start(new AbortController().signal);
};
const told = (): string => listed()?.lines['files'] ?? '';
const manifestIn = (tar: string): string => /(?:[0-9a-f]{64} [0-7]{4} \d+ \d+ \/.*\n)+/.exec(tar)?.[0] ?? '';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

beforeAll(async () => {
  lab = await startIsolationLab();
  await startNews();
  const board = await lab.addBoard('10000000c0000001', '127.62.0.1');
  device = board.device;
  host = await board.start();
  expect((await host.exchange('a'.repeat(32))).status).toBe(200);
  listed = host.stayUp(off.signal).list;
  expect((await host.ask('POST', 'reports?step=up&state=ok&uptime=9&message=')).status).toBe(204);
});
afterAll(async () => {
  off.abort();
  await news.stop();
  await lab.close();
});

describe('a board that is up', () => {
  it('is told at once that files of its own are others, and gets them as they are', async () => {
    await expect.poll(told).toMatch(/^[0-9a-f]{64}$/);
    const before = told();
    await put('/etc/app/token', 'first');
    await expect.poll(told, { timeout: 5_000 }).not.toBe(before);
    const answer = await host.ask('GET', 'files');
    expect([answer.status, answer.text.includes('first')]).toEqual([200, true]);
    expect(manifestIn(answer.text)).toBe(`${sha256('first')} 0644 0 0 /etc/app/token\n`);
    expect(sha256(manifestIn(answer.text))).toBe(told());
    // A board that starts now knows by the same manifest what it has.
    expect(manifestIn((await host.ask('GET', 'identity')).text)).toBe(manifestIn(answer.text));
    await files().remove(admin, device, '/etc/app/token');
    await expect.poll(told, { timeout: 5_000 }).toBe(before);
  });

  it('is told of what changed while the control plane did not reach the boot plane', async () => {
    await news.stop();
    await lab.controlDown();
    await put('/etc/app/token', 'second');
    expect((await host.ask('GET', 'files')).status).toBe(503);
    await lab.controlUp();
    await startNews();
    const now = async () => (await host.ask('GET', 'disks?known=&has=&busy=')).lines['files'];
    await expect.poll(now, { timeout: 15_000 }).toBe(sha256(manifestIn((await host.ask('GET', 'files')).text)));
    expect(await now()).not.toBe(sha256(''));
  });

  it('gets none of another assignment', async () => {
    await lab.store.transaction(async (tx) => {
      const { revision, assignment } = (await tx.devices.get(device))!;
      await tx.devices.update(device, revision, { assignment: { ...assignment!, generation: 9 }, generation: 9 });
    });
    await put('/etc/app/token', 'for the next one');
    const answer = await host.ask('GET', 'files');
    expect([answer.status, answer.text.includes('for the next one')]).toEqual([403, false]);
  });
});
