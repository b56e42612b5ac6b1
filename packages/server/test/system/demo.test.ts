import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer } from './server.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-demo-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('lets everybody in with the demo key to read images, and with the setting off nobody', async () => {
  const on = await startServer({ folder, settings: { demo: { enabled: true } } });
  const ask = (url: string, path: string, method = 'GET') =>
    fetch(`${url}/api/v2${path}`, { method, headers: { 'x-api-key': 'deadbeef' } });
  try {
    expect(await (await ask(on.url, '/images')).json()).toEqual({ items: [], next: null });
    for (const [method, path] of [
      ['GET', '/devices'],
      ['GET', '/events'],
      ['DELETE', '/images/none'],
      ['POST', '/uploads'],
    ] as const) {
      const refused = await ask(on.url, path, method);
      expect([path, refused.status]).toEqual([path, 403]);
      expect(await refused.json()).toMatchObject({ remedy: expect.stringContaining('key') as string });
    }
    expect((await fetch(`${on.url}/metrics`, { headers: { 'x-api-key': 'deadbeef' } })).status).toBe(403);
  } finally {
    await on.stop();
  }
  const off = await startServer({ folder, settings: { demo: { enabled: false } } });
  try {
    expect((await ask(off.url, '/images')).status).toBe(401);
  } finally {
    await off.stop();
  }
}, 120_000);
