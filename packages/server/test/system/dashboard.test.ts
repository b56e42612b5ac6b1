import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from './server.js';

// The dashboard over real HTTP: who gets in, what the cookie is good for, and what its files are sent with.

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server?.stop());

const own = { 'x-drover-ui': '1', 'sec-fetch-site': 'same-origin', 'content-type': 'application/json' };
const logIn = (key: string, headers: Record<string, string> = own): Promise<Response> =>
  fetch(`${server.url}/ui/session`, { method: 'POST', headers, body: JSON.stringify({ key }) });
const cookieOf = (response: Response): string => (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
const cookieFor = async (key: string): Promise<string> => cookieOf(await logIn(key));
const ask = (path: string, headers: Record<string, string>, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.url}${path}`, { ...init, headers });
const codeOf = async (response: Response): Promise<unknown> => ((await response.json()) as { code?: unknown }).code;
const makeTenant = (headers: Record<string, string>, name: string): Promise<Response> =>
  ask('/api/v2/tenants', headers, { method: 'POST', body: JSON.stringify({ name }) });

/** As it is written, without what fetch makes of dots. */
const statusOfPath = (path: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.url);
    const sent = httpRequest({ hostname, port, path, headers: { accept: '*/*' } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('error', reject);
    sent.end();
  });

describe('logging in', () => {
  it('gives a cookie that scripts cannot read, and that stands for the key', async () => {
    const answer = await logIn(server.key);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('set-cookie')).toMatch(
      /^drover_session=[0-9a-f]{64}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    expect(await answer.json()).toMatchObject({ principal: { role: 'admin', tenant: null } });
    const me = await ask('/api/v2/me', { cookie: cookieOf(answer) });
    expect(await me.json()).toMatchObject({ name: 'first admin', role: 'admin' });
  });

  it('is in the audit trail, as leaving is, and neither the key nor the token are', async () => {
    // The first start shows the first key.
    const printed = server.output().length;
    const cookie = await cookieFor(server.key);
    await ask('/ui/session', { ...own, cookie }, { method: 'DELETE' });
    const { items } = await server.client.audit.list({ query: { limit: 20 } });
    expect(items.slice(0, 2).map(({ operation, outcome, keyName }) => [operation, outcome, keyName])).toEqual([
      ['logOut', 'ok', 'first admin'],
      ['logIn', 'ok', 'first admin'],
    ]);
    const said = JSON.stringify(items) + server.output().slice(printed);
    for (const secret of [server.key, cookie.split('=')[1] ?? 'none']) expect(said).not.toContain(secret);
    expect((await ask('/api/v2/me', { cookie })).status).toBe(401);
  });

  it('is told to the page that asks who is in, and nobody is no refusal', async () => {
    const who = async (headers: Record<string, string>) => {
      const answer = await ask('/ui/session', headers);
      return { status: answer.status, cookie: answer.headers.get('set-cookie'), ...((await answer.json()) as object) };
    };
    const before = (await server.client.audit.list({ query: { limit: 1 } })).items[0]?.seq;
    expect(await who(own)).toEqual({ status: 200, cookie: null, principal: null });
    const forgotten = await who({ ...own, cookie: `drover_session=${'0'.repeat(64)}` });
    expect(forgotten).toMatchObject({ status: 200, principal: null });
    expect(forgotten.cookie).toMatch(/^drover_session=; Path=\/; Max-Age=0;/);
    expect((await server.client.audit.list({ query: { limit: 1 } })).items[0]?.seq).toBe(before);
    const cookie = await cookieFor(server.key);
    expect(await who({ ...own, cookie })).toMatchObject({ status: 200, cookie: null, principal: { role: 'admin' } });
  });

  it('is refused to a form, to other sites, and without a key', async () => {
    const body = new URLSearchParams({ key: server.key });
    const form = await fetch(`${server.url}/ui/session`, { method: 'POST', body });
    expect(form.status).toBe(415);
    const text = await logIn(server.key, { ...own, 'content-type': 'text/plain' });
    expect(text.status).toBe(415);
    const { 'x-drover-ui': _ui, ...plain } = own;
    for (const headers of [plain, { ...own, 'sec-fetch-site': 'cross-site' }]) {
      expect(await codeOf(await logIn(server.key, headers))).toBe('auth.forbidden');
    }
    const empty = await fetch(`${server.url}/ui/session`, { method: 'POST', headers: own, body: '{' });
    expect(await codeOf(empty)).toBe('request.invalid');
  });
});

describe('the cookie', () => {
  it('reads, and follows events', async () => {
    const cookie = await cookieFor(server.key);
    const stream = await ask('/api/v2/events?after=0', { cookie, accept: 'text/event-stream' });
    const reader = stream.body!.getReader();
    let text = '';
    while (!text.includes('event: ')) text += new TextDecoder().decode((await reader.read()).value as Uint8Array);
    await reader.cancel();
    expect(text).toContain('id: 1\n');
  });

  it('changes something for pages of the dashboard only', async () => {
    const cookie = await cookieFor(server.key);
    expect(await codeOf(await makeTenant({ cookie, 'content-type': 'application/json' }, 'form'))).toBe(
      'auth.forbidden',
    );
    expect(await codeOf(await makeTenant({ ...own, cookie, 'sec-fetch-site': 'cross-site' }, 'far'))).toBe(
      'auth.forbidden',
    );
    const { 'sec-fetch-site': _site, ...plainHttp } = own;
    expect(await codeOf(await makeTenant({ ...plainHttp, cookie, origin: 'http://evil.example' }, 'evil'))).toBe(
      'auth.forbidden',
    );
    expect((await makeTenant({ ...plainHttp, cookie, origin: server.url }, 'near')).status).toBe(201);
    const repeated = { ...own, cookie, 'idempotency-key': 'one-and-the-same' };
    const first = (await (await makeTenant(repeated, 'once')).json()) as object;
    expect(await (await makeTenant(repeated, 'once')).json()).toEqual(first);
    const names = (await server.client.tenants.list()).items.map(({ name }) => name).sort();
    expect(names).toEqual(['default', 'near', 'once']);
  });

  it('counts for nothing beside a key, and outside of the API', async () => {
    const cookie = await cookieFor(server.key);
    expect(await codeOf(await ask('/api/v2/me', { cookie, authorization: 'Bearer drv_wrong-key' }))).toBe(
      'auth.invalid',
    );
    expect(await codeOf(await ask('/api/v2/me', { cookie, authorization: 'Basic eA==' }))).toBe('auth.missing');
    expect((await ask('/metrics', { cookie })).status).toBe(401);
  });

  it('ends when its key is revoked, also for a stream that is open', async () => {
    const made = await server.client.keys.create({ body: { name: 'guest', role: 'reader' } });
    const cookie = await cookieFor(made.key);
    const stream = await ask('/api/v2/events', { cookie, accept: 'text/event-stream' });
    expect(await codeOf(await makeTenant({ ...own, cookie }, 'guests'))).toBe('auth.forbidden');
    await server.client.keys.revoke({ params: { id: made.id } });
    const answer = await ask('/api/v2/me', { cookie });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('set-cookie')).toMatch(/^drover_session=; Path=\/; Max-Age=0;/);
    // Asked at the next event that is a second later, or at the next heartbeat.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await makeTenant({ ...own, cookie: await cookieFor(server.key) }, 'later');
    const reader = stream.body!.getReader();
    while (!(await reader.read()).done);
  });
});

describe('its files', () => {
  it('come with a strict policy, and only from where they may', async () => {
    const page = await ask('/ui/', { accept: 'text/html' });
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    );
    expect(page.headers.get('content-security-policy')).not.toContain('unsafe');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    // For pages over TLS alone: proxy.test.ts of the dashboard.
    expect(page.headers.get('cross-origin-opener-policy')).toBeNull();
    const html = await page.text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style| style=| on[a-z]+=/);
    const script = /src="(\/ui\/assets\/[^"]+\.js)"/.exec(html)?.[1] ?? 'none';
    const sent = await ask(script, { 'accept-encoding': 'br' });
    expect(sent.headers.get('content-encoding')).toBe('br');
    expect(sent.headers.get('cache-control')).toContain('immutable');
    expect(sent.headers.get('content-type')).toContain('text/javascript');
    const again = await ask('/ui/', { 'if-none-match': page.headers.get('etag') ?? '' });
    expect(again.status).toBe(304);
  });

  it('are its page for deep links, and nothing for files it has not', async () => {
    for (const path of ['/ui', '/ui/devices/pi', '/ui/images/raspios:2026.11']) {
      const answer = await ask(path, { accept: 'text/html,*/*' });
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        200,
        'text/html; charset=utf-8',
      ]);
    }
    expect((await ask('/ui/assets/none.js', { accept: 'text/html' })).status).toBe(404);
    expect((await ask('/ui/none.png', { accept: 'image/*' })).status).toBe(404);
  });

  it('do not lead out of its folder', async () => {
    for (const path of [
      '/ui/../package.json',
      '/ui/../../packages/web/package.json',
      '/ui/%2e%2e/package.json',
      '/ui/..%2fpackage.json',
      '/ui/assets/..%2f..%2fpackage.json',
      '/ui//etc/passwd',
      '/ui/%00',
      '/ui/assets/%2e%2e%5cindex.html',
    ]) {
      expect([path, await statusOfPath(path)]).toEqual([path, 404]);
    }
  });

  it('are where a browser that asks for / is sent', async () => {
    const browser = await fetch(server.url, { headers: { accept: 'text/html' }, redirect: 'manual' });
    expect([browser.status, browser.headers.get('location')]).toEqual([302, '/ui/']);
    const program = await fetch(server.url, { headers: { accept: '*/*' }, redirect: 'manual' });
    expect(await program.text()).toMatch(/^Drover .*\n[^]*Dashboard {4}\/ui\/\n/);
  });
});

it('slows down whoever comes with wrong keys', async () => {
  const statuses: number[] = [];
  // One counts for three seconds, and a busy machine may take long.
  while (statuses.length < 100 && statuses.at(-1) !== 429) {
    statuses.push((await logIn(`drv_wrong-${statuses.length}-key`)).status);
  }
  expect(statuses.slice(0, 15).every((status) => status === 401)).toBe(true);
  expect(statuses.at(-1)).toBe(429);
});
