import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const keyForm = /^untrusted comment: Drover card key [0-9a-f]{16}\n([A-Za-z0-9+/]{56})\n$/;
const cardKey = async (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
  server.cli('card', 'key', ...args);

describe('drover card key', () => {
  it('prints the public key, makes the next one, and switches to it', async () => {
    const first = await cardKey();
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(keyForm) as string });
    expect((await cardKey()).stdout).toBe(first.stdout);
    expect(await cardKey('roll', '--finish')).toMatchObject({ code: 4 });
    const next = await cardKey('roll');
    expect(next.stdout).toMatch(keyForm);
    expect(next.stdout).not.toBe(first.stdout);
    expect((await cardKey()).stdout).toBe(first.stdout);
    expect(await cardKey('roll')).toMatchObject({ code: 4, stderr: expect.stringContaining('--finish') as string });
    expect((await cardKey('roll', '--finish')).stdout).toBe(next.stdout);
    expect((await cardKey()).stdout).toBe(next.stdout);
  });

  it('says what it can do', async () => {
    expect(await cardKey('turn')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('card key roll') as string,
    });
    expect(await cardKey('--finish')).toMatchObject({ code: 2 });
  });
});

describe('a card that names the address of the API', () => {
  it('is sent on to the boot plane', async () => {
    const asked = await fetch(`${server.url}/device/v1/time`, { redirect: 'manual' });
    expect(asked.status).toBe(308);
    expect(asked.headers.get('location')).toBe(`${server.bootUrl}/device/v1/time`);
    expect(await (await fetch(`${server.url}/device/v1/time`)).text()).toMatch(/^time=\d+$/m);
  });
});
