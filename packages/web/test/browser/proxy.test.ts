import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates } from '../../../server/test/nbd/certificates.js';
import { freePort, startServer, until, type TestServer } from '../../../server/test/system/server.js';
import { logIn, startBrowser, type TestBrowser } from './browser.js';

// The dashboard through a proxy that speaks TLS, as docs/how-to/dashboard.md has it.

let folder: string;
let server: TestServer;
let nginx: ChildProcess;
let browser: TestBrowser;
let device: string;
/** Passes the name on that the browser asked for; and one that does not, whose address is in the settings. */
let [plain, named] = [0, 0];

const configuration = (target: string): string => `
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ssl_certificate ${folder}/server-cert.pem;
  ssl_certificate_key ${folder}/server-key.pem;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  server {
    listen 127.0.0.1:${plain} ssl;
    location / {
      proxy_pass ${target};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
  server {
    listen 127.0.0.1:${named} ssl;
    location / { proxy_pass ${target}; }
  }
}
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-proxy-'));
  await makeCertificates(folder);
  [plain, named] = [await freePort(), await freePort()];
  const http = { listen: [`127.0.0.1:${await freePort()}`], publicUrl: `https://127.0.0.1:${named}`, trustProxy: true };
  server = await startServer({ settings: { http } });
  await mkdir(join(folder, 'nginx'));
  await writeFile(join(folder, 'nginx.conf'), configuration(server.url));
  nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', join(folder, 'nginx')], { stdio: 'ignore' });
  await until('nginx listens', async () => (await readFile(join(folder, 'nginx.pid'), 'utf8').catch(() => '')) !== '');
  device = (await server.client.devices.create({ body: { name: 'board', model: 'pi4', mac: 'dc:a6:32:00:00:01' } })).id;
  browser = await startBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  if (nginx?.exitCode === null) {
    nginx.kill('SIGTERM');
    await once(nginx, 'close');
  }
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const makeTenant = (page: Page, name: string): Promise<number> =>
  page.evaluate(
    `fetch('/api/v2/tenants', { method: 'POST', headers: { 'content-type': 'application/json', 'x-drover-ui': '1' }, body: ${JSON.stringify(JSON.stringify({ name }))} }).then(({ status }) => status)`,
  );

describe.each([
  ['that passes on what it was asked by', () => plain, 'by-host'],
  ['whose address the settings know', () => named, 'by-settings'],
])('through a proxy %s', (_what, port, name) => {
  it('a log-in lasts over TLS only, what happens is seen, and changes are taken', async () => {
    const page = await browser.open({ anyCertificate: true });
    await logIn(page, `https://127.0.0.1:${port()}`, server.key);
    expect(await page.context().cookies()).toMatchObject([
      { name: 'drover_session', secure: true, httpOnly: true, sameSite: 'Strict' },
    ]);
    const sent = await page.context().request.get(`https://127.0.0.1:${port()}/ui/`);
    expect(sent.headers()['cross-origin-opener-policy']).toBe('same-origin');
    await page.getByText('1 board', { exact: true }).waitFor();
    // Over the event stream, which no proxy may hold back.
    await server.client.devices.update({ params: { ref: device }, body: { name: `board-${name}` } });
    await page.getByRole('link', { name: `board-${name}`, exact: true }).waitFor({ timeout: 20_000 });
    expect(await makeTenant(page, name)).toBe(201);
  });
});

it('another page of the same machine changes nothing', async () => {
  const page = await browser.open({ anyCertificate: true });
  await logIn(page, `https://127.0.0.1:${plain}`, server.key);
  const [cookie] = await page.context().cookies();
  const answer = await page.context().request.post(`https://127.0.0.1:${plain}/api/v2/tenants`, {
    headers: { cookie: `${cookie?.name}=${cookie?.value}`, origin: 'https://127.0.0.1:1', 'x-drover-ui': '1' },
    data: { name: 'foreign' },
  });
  expect(answer.status()).toBe(403);
});

it('broke nothing on the way', () => {
  expect(browser.faults).toEqual([]);
});
