import { success, type Problem } from '@drover/contract';
import type { InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import { createFakeApi, exampleDevice as device } from './testing.js';

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
describe('refusals are problem+json', () => {
  const cases: [name: string, request: InjectOptions, expected: Partial<Problem>][] = [
    ['no key', { url: '/api/v2/devices' }, { status: 401, code: 'auth.missing' }],
    ['unknown key', { url: '/api/v2/devices', headers: bearer('nobody') }, { status: 401, code: 'auth.invalid' }],
    ['a key in the query is no key', { url: '/api/v2/devices?key=admin' }, { status: 401, code: 'auth.missing' }],
    [
      'too little a role',
      { url: '/api/v2/keys', headers: bearer('operator') },
      { status: 403, code: 'auth.forbidden', remedy: 'Use a key with role admin.' },
    ],
    ['no such address', { url: '/api/v2/nothing' }, { status: 404, code: 'route.not-found' }],
    ['no such method', { method: 'PUT', url: '/api/v2/devices/pi' }, { status: 405, code: 'method.not-allowed' }],
    [
      'a body that is not JSON',
      {
        method: 'POST',
        url: '/api/v2/devices',
        headers: { ...bearer('admin'), 'content-type': 'application/json' },
        payload: '{',
      },
      { status: 400, code: 'request.invalid' },
    ],
    [
      'a body of another type',
      {
        method: 'POST',
        url: '/api/v2/devices',
        headers: { ...bearer('admin'), 'content-type': 'text/xml' },
        payload: '<a/>',
      },
      { status: 415, code: 'request.unsupported-media-type' },
    ],
    [
      'a body that is too large',
      { method: 'POST', url: '/api/v2/tenants', headers: bearer('admin'), payload: { name: 'a'.repeat(20_000) } },
      { status: 413, code: 'request.too-large' },
    ],
    [
      'a field that is not right',
      { method: 'POST', url: '/api/v2/devices', headers: bearer('admin'), payload: { mac: 'x' } },
      { status: 400, code: 'request.invalid', detail: 'mac is not a MAC like dc:a6:32:01:36:c2.' },
    ],
    [
      'an address with a password',
      {
        ...{ method: 'POST', url: '/api/v2/images', headers: bearer('admin') },
        payload: { name: 'a', version: '1', source: { kind: 'url', url: 'https://me:secret@example.org/a.img' } },
      },
      {
        ...{ status: 400, code: 'request.invalid' },
        detail: 'source.url holds a user name or password, which is not kept safe here.',
      },
    ],
    [
      'an upload of nothing',
      { method: 'POST', url: '/api/v2/uploads', headers: bearer('admin'), payload: { filename: 'a.img', size: 0 } },
      { status: 400, code: 'request.invalid', detail: 'size is an empty file.' },
    ],
    [
      'a field that is not known',
      { method: 'PATCH', url: '/api/v2/devices/pi', headers: bearer('admin'), payload: { nmae: 'x' } },
      { status: 400, code: 'request.invalid', detail: 'nmae is not known here.', remedy: 'Leave it out.' },
    ],
    [
      'a query parameter that is not known',
      { url: '/api/v2/devices?stat=failed', headers: bearer('admin') },
      { status: 400, code: 'request.invalid', detail: 'query.stat is not known here.', remedy: 'Leave it out.' },
    ],
    [
      'a value that is none of those it can have',
      { url: '/api/v2/devices?state=lost', headers: bearer('admin') },
      {
        ...{ status: 400, code: 'request.invalid', detail: 'query.state is none of its values.' },
        remedy: 'Write one of: discovered, available, preparing, in-use, releasing, failed.',
      },
    ],
    [
      'a number that is too small',
      { url: '/api/v2/devices?limit=0', headers: bearer('admin') },
      { status: 400, code: 'request.invalid', detail: 'query.limit is too small.', remedy: 'Write at least 1.' },
    ],
    [
      'a field that is missing',
      { method: 'POST', url: '/api/v2/keys', headers: bearer('admin'), payload: { name: 'ci' } },
      { status: 400, code: 'request.invalid', detail: 'role is none of its values.' },
    ],
    [
      'a body that is missing',
      { method: 'POST', url: '/api/v2/tenants', headers: bearer('admin') },
      { status: 400, code: 'request.invalid' },
    ],
    [
      'an If-Match that is none',
      { method: 'DELETE', url: '/api/v2/devices/pi', headers: { ...bearer('admin'), 'if-match': '"1", "2"' } },
      { status: 400, code: 'request.invalid' },
    ],
    ['a fault', { url: '/api/v2/devices', headers: bearer('admin') }, { status: 500, code: 'server.fault' }],
    ['a URL that cannot be read', { url: '/api/v2/devices/%zz' }, { status: 400, code: 'request.invalid' }],
  ];
  it.each(cases)('%s', async (_name, request, expected) => {
    const { app } = await createFakeApi();
    const response = await app.inject(request);
    const problem = response.json<Problem>();
    expect(problem).toMatchObject(expected);
    expect(response.statusCode).toBe(problem.status);
    expect(response.headers['content-type']).toContain('application/problem+json');
    expect(problem.requestId).toBe(response.headers['x-request-id']);
    expect(response.body).not.toMatch(/no handler in this test|node_modules|\.ts:/);
  });

  it('says what the address does instead', async () => {
    const { app } = await createFakeApi();
    expect((await app.inject({ method: 'PUT', url: '/api/v2/devices/pi' })).headers['allow']).toBe(
      'GET, PATCH, DELETE',
    );
  });
});

describe('answers', () => {
  it('carry the ETag, take If-Match to the handler, and are 304 for who has them', async () => {
    const seen: (string | undefined)[] = [];
    const { app } = await createFakeApi({
      getDevice: async () => success(device),
      updateDevice: async (context) => {
        seen.push(context.ifMatch);
        return success(device);
      },
    });
    const got = await app.inject({ url: '/api/v2/devices/pi', headers: bearer('reader') });
    expect(got.headers['etag']).toBe('"1"');
    const again = await app.inject({
      url: '/api/v2/devices/pi',
      headers: { ...bearer('reader'), 'if-none-match': '"1"' },
    });
    expect([again.statusCode, again.body]).toEqual([304, '']);
    for (const value of ['"1"', '*', '1']) {
      await app.inject({
        method: 'PATCH',
        url: '/api/v2/devices/pi',
        headers: { ...bearer('admin'), 'if-match': value },
        payload: {},
      });
    }
    expect(seen).toEqual(['"1"', undefined, '"1"']);
  });

  it('drop what is not in the contract', async () => {
    const { app } = await createFakeApi({
      listKeys: async () => {
        const record = {
          id: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
          tenant: null,
          name: 'a',
          role: 'admin' as const,
          hint: 'drv_a',
          createdAt: device.createdAt,
          expiresAt: null,
          revokedAt: null,
          lastUsedAt: null,
          hash: 'secret',
        };
        return success({ items: [record], next: 'more' });
      },
    });
    const response = await app.inject({ url: '/api/v2/keys?limit=1', headers: { 'x-api-key': 'admin' } });
    expect(response.body).not.toContain('secret');
    expect(response.headers['link']).toBe('</api/v2/keys?limit=1&cursor=more>; rel="next"');
  });

  it('leave a row in the audit trail for each change and each refusal of a key, none for reading', async () => {
    const { app, audited } = await createFakeApi({
      getDevice: async () => success(device),
      releaseDevice: async () => success(device),
    });
    await app.inject({ url: '/api/v2/devices/pi', headers: bearer('reader') });
    await app.inject({ method: 'POST', url: '/api/v2/devices/pi/release', headers: bearer('operator') });
    await app.inject({ method: 'POST', url: '/api/v2/devices/pi/release', headers: bearer('reader') });
    await app.inject({ method: 'POST', url: '/api/v2/devices/pi/release' });
    expect(audited).toEqual([
      { operation: 'releaseDevice', outcome: 'ok', subject: device.id, keyName: 'operator' },
      { operation: 'releaseDevice', outcome: 'auth.forbidden', subject: 'pi', keyName: 'reader' },
      { operation: 'releaseDevice', outcome: 'auth.missing', subject: 'pi', keyName: 'unknown' },
    ]);
  });

  it('never put a key into the log', async () => {
    const { app, logged } = await createFakeApi();
    await app.inject({ url: '/api/v2/devices?key=drv_query_secret', headers: bearer('drv_header_secret') });
    expect(JSON.stringify(logged)).not.toContain('secret');
    expect(logged.length).toBeGreaterThan(0);
  });
});

describe('wrong keys', () => {
  it('are throttled by address, good ones behind it are not', async () => {
    const { app, audited } = await createFakeApi({ whoAmI: async (context) => success(context.principal) });
    const ask = (key: string) => app.inject({ url: '/api/v2/me', headers: bearer(key) });
    expect((await ask('reader')).statusCode).toBe(200);
    for (let i = 0; i < 20; i += 1) await ask(`wrong-${i}`);
    const refused = await ask('wrong');
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '3']);
    expect((await ask('reader')).statusCode).toBe(200);
    expect(audited).toHaveLength(20);
  });
});

describe('metrics', () => {
  it('are for keys of the installation', async () => {
    const tenant = 'ten_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
    const { app } = await createFakeApi(
      {},
      {},
      {
        authenticate: async (key) => success({ key, name: key, tenant: key === 'own' ? null : tenant, role: 'admin' }),
      },
    );
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await app.inject({ url: '/metrics', headers })).statusCode;
    expect([await status({}), await status(bearer('theirs')), await status(bearer('own'))]).toEqual([401, 403, 200]);
  });
});

describe('stopping', () => {
  it('refuses new requests, and /readyz says so', async () => {
    const { app, stopping } = await createFakeApi();
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    stopping.abort();
    expect((await app.inject({ url: '/api/v2/me', headers: bearer('admin') })).json<Problem>().code).toBe(
      'server.busy',
    );
  });
});

it('answers /metrics to a key only', async () => {
  const { app } = await createFakeApi();
  expect((await app.inject('/metrics')).statusCode).toBe(401);
  expect((await app.inject({ url: '/metrics', headers: bearer('reader') })).body).toContain('nodejs_eventloop_lag');
  expect((await app.inject('/')).body).toContain('/api/v2');
});
