import { success, type ApiKeyCreated, type Problem } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { createFakeApi, exampleDevice as device } from './testing.js';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const apiKey: ApiKeyCreated = {
  id: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  tenant: null,
  name: 'ci',
  role: 'reader',
  hint: 'drv_abcdef',
  createdAt: device.createdAt,
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
  key: 'drv_abcdefghijklmnopqrstuvwxyz',
};

describe('Idempotency-Key', () => {
  const create = async () => {
    let calls = 0;
    const fake = await createFakeApi({
      createDevice: async (_context, { body }) => {
        calls += 1;
        return body.name === 'taken'
          ? { ok: false, code: 'device.identity-conflict', detail: 'taken' }
          : success({ ...device, name: `pi-${calls}` });
      },
    });
    const post = (key: string, payload: object, who = 'operator') =>
      fake.app.inject({
        method: 'POST',
        url: '/api/v2/devices',
        headers: { ...bearer(who), 'idempotency-key': key },
        payload,
      });
    return { post, calls: () => calls, audited: fake.audited };
  };

  it('gives the first answer again, word for word', async () => {
    const { post, calls, audited } = await create();
    const first = await post('k1', { name: 'a', labels: {} });
    const second = await post('k1', { labels: {}, name: 'a' });
    expect([second.statusCode, second.body, second.headers['idempotency-replayed']]).toEqual([201, first.body, 'true']);
    expect([calls(), audited.length]).toEqual([1, 1]);
  });

  it('is the key of one request of one caller', async () => {
    const { post, calls } = await create();
    await post('k1', { name: 'a' });
    expect((await post('k1', { name: 'b' })).json<Problem>().code).toBe('idempotency.mismatch');
    expect((await post('k1', { name: 'a' }, 'admin')).statusCode).toBe(201);
    expect((await post('k 1\u00e9', { name: 'a' })).json<Problem>().code).toBe('request.invalid');
    expect(calls()).toBe(2);
  });

  it('says when to ask again while the first request is at work', async () => {
    let goOn: () => void = () => undefined;
    let begin: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const { app } = await createFakeApi({
      createDevice: async () => {
        begin();
        await held;
        return success(device);
      },
    });
    const request = { method: 'POST', url: '/api/v2/devices', payload: { name: 'a' } } as const;
    const headers = { ...bearer('operator'), 'idempotency-key': 'k' };
    const first = app.inject({ ...request, headers }).then(({ statusCode }) => statusCode);
    await begun;
    const second = await app.inject({ ...request, headers });
    expect(second.json<Problem>().code).toBe('idempotency.in-progress');
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
    goOn();
    expect(await first).toBe(201);
  });

  it('makes one API key, whose secret is neither kept nor shown a second time', async () => {
    let made = 0;
    const { app, idempotency } = await createFakeApi({
      createKey: async ({ also }) => {
        made += 1;
        await also?.(undefined as never, apiKey);
        return success(apiKey);
      },
    });
    const ask = () =>
      app.inject({
        ...{ method: 'POST', url: '/api/v2/keys', payload: { name: 'ci', role: 'reader' } },
        headers: { ...bearer('admin'), 'idempotency-key': 'k' },
      });
    expect((await ask()).json<{ key: string }>().key).toBe(apiKey.key);
    const again = await ask();
    expect(again.statusCode).toBe(409);
    expect(again.json<Problem>()).toMatchObject({ code: 'answer.shown-once' });
    expect(again.json<Problem>().detail).toContain(apiKey.id);
    expect(again.body + JSON.stringify([...idempotency.kept()])).not.toContain(apiKey.key);
    expect(made).toBe(1);
  });

  it('may be used again after a refusal', async () => {
    const { post, calls } = await create();
    await post('k1', { name: 'taken' });
    await post('k1', { name: 'taken' });
    expect(calls()).toBe(2);
  });
});
