import { afterEach, expect, it } from 'vitest';
import { createFakeApi, type FakeApi } from './testing.js';

const apis: FakeApi[] = [];
afterEach(() => Promise.all(apis.splice(0).map(({ app }) => app.close())));

const listening = async (url: (local: string) => string | undefined): Promise<string> => {
  const api = await createFakeApi({}, {}, {}, { bootPlaneUrl: url });
  apis.push(api);
  return api.app.listen({ host: '127.0.0.1', port: 0 });
};
const board = (base: string, path: string, init: RequestInit = {}) =>
  fetch(`${base}/device/v1${path}`, { ...init, redirect: 'manual' });

it('sends boards that ask the API on to the boot plane, with whatever they ask', async () => {
  const base = await listening((local) => `http://${local}:8081`);
  const asked = await board(base, '/sessions/bs_1/card?nonce=00');
  expect(asked.status).toBe(308);
  expect(asked.headers.get('location')).toBe('http://127.0.0.1:8081/device/v1/sessions/bs_1/card?nonce=00');
  // No body is read, and no key asked for.
  const posted = await board(base, '/boots', {
    method: 'POST',
    body: new URLSearchParams({ mac: 'x'.repeat(50_000) }),
  });
  expect(posted.status).toBe(308);
});

it('says what to do when it does not know where that is', async () => {
  const base = await listening(() => undefined);
  const asked = await board(base, '/time');
  expect(asked.status).toBe(404);
  expect(await asked.json()).toMatchObject({ remedy: expect.stringContaining('boot.serverAddress') as string });
});
