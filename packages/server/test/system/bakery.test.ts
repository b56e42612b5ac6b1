import { chmod, mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheDir } from '../../../../e2e/inputs/cache.js';
import { createCardPress, type CardFile } from './crash/card.js';
import { freePort, startServer, type TestServer } from './server.js';

// Every call of Bakery's API in the order its Go client and CPI make them, with no header but what any client sends.

const [one, two] = ['91cdf03d', '0badcafe'];
const form = 'raspbian-lite_2026.img';

/** A power program by the old contract; what it is asked goes to a file, and it fails while another file is there. */
const program = (folder: string): string => `#!/bin/sh
said=$(cat)
echo "$said" >>${folder}/asked
[ ! -e ${folder}/broken ] || { echo 'the relay is stuck' >&2; exit 1; }
printf ok
`;

let folder: string;
let server: TestServer;
let card: CardFile;
let keyless: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-bakery-'));
  card = await (await createCardPress(folder)).make('img', 'bakery');
  await writeFile(join(folder, 'ppi'), program(folder));
  await chmod(join(folder, 'ppi'), 0o755);
  await writeFile(join(folder, 'ppi.json'), '{}');
  const rig = { kind: 'ppi', program: join(folder, 'ppi'), config: join(folder, 'ppi.json'), retries: 0 };
  const openPort = await freePort();
  keyless = `http://127.0.0.1:${openPort}/api/v1`;
  server = await startServer({
    settings: {
      bakery: { enabled: true, autoAdopt: false, open: [`127.0.0.1:${openPort}`] },
      power: { drivers: { rig } },
      helpers: { cacheDir: join(cacheDir, 'helpers') },
      log: { level: 'debug' },
    },
  });
  for (const bootPrefix of [one, two]) await server.client.devices.create({ body: { bootPrefix, model: 'pi4' } });
}, 1_800_000);
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Said {
  readonly status: number;
  readonly body: unknown;
}

async function call(
  method: string,
  path: string,
  body?: string | Buffer | ReadableStream,
  key = server.key,
): Promise<Said> {
  const init = { method, ...(body === undefined ? {} : { body }), duplex: 'half' };
  const response = await fetch(`${server.url}/k/${key}/api/v1${path}`, init as RequestInit);
  const text = await response.text();
  try {
    return { status: response.status, body: JSON.parse(text) };
  } catch {
    return { status: response.status, body: text };
  }
}
const json = (value: unknown): string => JSON.stringify(value);
const asked = async (): Promise<unknown[]> =>
  (await readFile(join(folder, 'asked'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('the API of Bakery', () => {
  it('lets nobody in without a key of an operator', async () => {
    expect(await call('GET', '/fridge', undefined, 'no-key-of-ours')).toEqual({
      status: 401,
      body: { error: expect.any(String) as string },
    });
    const reader = await server.client.keys.create({ body: { name: 'looks', role: 'reader' } });
    expect((await call('GET', '/oven', undefined, reader.key)).status).toBe(403);
    expect(server.output()).not.toContain(`/k/${server.key}`);
  });

  it('takes bakeforms in as they come, once', { timeout: 300_000 }, async () => {
    expect(await call('GET', '/bakeforms')).toEqual({ status: 200, body: {} });
    const file = await open(card.path);
    const body = Readable.toWeb(file.createReadStream());
    const made = await call('POST', `/bakeforms/${form}`, body);
    expect(made).toEqual({ status: 201, body: { name: form, location: `images/${form}` } });
    expect((await call('POST', `/bakeforms/${form}`, 'again')).status).toBe(403);
    expect((await call('POST', '/bakeforms/no%20name', 'x')).status).toBe(400);
    expect((await call('POST', '/bakeforms/broken', 'this is no image')).status).toBe(500);
    expect(await call('GET', '/bakeforms')).toEqual({ status: 200, body: { [form]: made.body } });
  });

  it(
    'keeps nothing of a bakeform that breaks off, and takes one of two that come at once',
    { timeout: 300_000 },
    async () => {
      const breaking = new Readable({ read: () => undefined });
      breaking.push(Buffer.alloc(1_000_000));
      setTimeout(() => breaking.destroy(new Error('the line is cut')), 500);
      const cut = call('POST', '/bakeforms/cut.img', Readable.toWeb(breaking));
      await expect(cut).rejects.toThrow('fetch failed');
      const uploads = (): Promise<string[]> => readdir(join(server.dataDir, 'uploads'));
      await expect.poll(uploads, { timeout: 10_000 }).toEqual([]);
      const body = await readFile(card.path);
      const both = await Promise.all([
        call('POST', '/bakeforms/cut.img', body),
        call('POST', '/bakeforms/cut.img', body),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual([201, 403]);
      await expect.poll(uploads, { timeout: 10_000 }).toEqual([]);
      expect((await call('DELETE', '/bakeforms/cut.img')).status).toBe(200);
    },
  );

  it('bakes, fills, restarts and unbakes a Pi', { timeout: 300_000 }, async () => {
    expect(await call('GET', '/fridge')).toEqual({
      status: 200,
      body: { [one]: { id: one, status: 1 }, [two]: { id: two, status: 1 } },
    });
    expect(await call('GET', '/oven')).toEqual({ status: 200, body: {} });
    expect((await call('POST', '/fridge', json({ bakeformName: 'unknown' }))).status).toBe(400);
    expect((await call('POST', '/fridge', json({}))).status).toBe(400);
    const baked = await call('POST', '/fridge', json({ bakeformName: form }));
    expect(baked.status).toBe(202);
    const { id, status } = baked.body as { id: string; status: number };
    expect([one, two]).toContain(id);
    expect([2, 3]).toContain(status);
    const disk = { id: expect.any(String) as string, location: expect.any(String) as string, nfsAddress: '' };
    await expect
      .poll(() => call('GET', `/oven/${id}`), { timeout: 60_000 })
      .toEqual({
        status: 200,
        body: {
          ...{ id, status: 2, sourceBakeform: { name: form, location: `images/${form}` } },
          disks: [{ ...disk, size: expect.any(Number) as number }],
        },
      });
    expect(Object.keys((await call('GET', '/oven')).body as object)).toEqual([id]);
    expect((await call('GET', '/oven/ffffffff')).status).toBe(404);

    const bytes = Buffer.from([0, 1, 2, 255]);
    expect((await call('POST', `/oven/${id}/upload/agent.json`, bytes)).status).toBe(200);
    const back = await fetch(`${server.url}/k/${server.key}/api/v1/oven/${id}/download/agent.json`);
    expect(back.headers.get('content-type')).toBe('application/octet-stream');
    expect(Buffer.from(await back.arrayBuffer())).toEqual(bytes);
    expect((await call('GET', `/oven/${id}/download/none`)).status).toBe(404);
    expect((await call('POST', `/oven/ffffffff/upload/agent.json`, bytes)).status).toBe(404);
    const files = await server.client.deviceFiles.list({ params: { ref: id } });
    expect(files.items.map(({ path, size }) => [path, size])).toEqual([['/piConfig/agent.json', 4]]);

    expect((await call('POST', `/oven/${id}/powercycle`)).status).toBe(500);
    await server.client.devices.update({ params: { ref: id }, body: { power: { driver: 'rig' } } });
    expect((await call('POST', `/oven/${id}/powercycle`)).status).toBe(200);
    expect(await asked()).toEqual([
      { piId: id, action: 'poweroff' },
      { piId: id, action: 'poweron' },
    ]);
    await writeFile(join(folder, 'broken'), '');
    expect(await call('POST', `/oven/${id}/powercycle`)).toEqual({
      status: 500,
      body: { error: expect.stringContaining('the relay is stuck') as string },
    });
    await rm(join(folder, 'broken'));

    const made = await call('POST', '/disks', json({ size: 64 }));
    expect(made).toEqual({ status: 201, body: { ...disk, size: 64 } });
    const diskId = (made.body as { id: string }).id;
    for (const size of [0, -1, 'much', 1.5]) expect((await call('POST', '/disks', json({ size }))).status).toBe(400);
    expect(await call('GET', '/disks')).toEqual({ status: 200, body: { disks: { [diskId]: made.body } } });
    expect(await call('GET', `/disks/${diskId}`)).toEqual({ status: 200, body: made.body });
    expect((await call('GET', '/disks/dsk_none')).status).toBe(404);
    for (let twice = 0; twice < 2; twice += 1)
      expect((await call('POST', `/oven/${id}/disks`, json({ diskId }))).status).toBe(200);
    expect((await call('POST', `/oven/${id}/disks`, json({ diskId: 'dsk_none' }))).status).toBe(404);
    const { disks } = (await call('GET', `/oven/${id}`)).body as { disks: { id: string }[] };
    expect(disks.map((each) => each.id).slice(1)).toEqual([diskId]);
    expect((await call('DELETE', `/oven/${id}/disks/${disks[0]?.id}`)).status).toBe(409);
    expect((await call('DELETE', `/disks/${diskId}`)).status).toBe(409);
    expect((await call('DELETE', `/oven/${id}/disks/${diskId}`)).status).toBe(200);
    expect((await call('DELETE', `/oven/${id}/disks/${diskId}`)).status).toBe(404);

    const other = await call('POST', '/fridge', json({ bakeformName: form }));
    expect(other.status).toBe(202);
    expect(await call('POST', '/fridge', json({ bakeformName: form }))).toEqual({
      status: 404,
      body: { error: 'no available Pi found' },
    });
    await call('POST', `/oven/${id}/disks`, json({ diskId }));
    expect((await call('DELETE', `/oven/${id}`)).status).toBe(200);
    expect((await asked()).at(-1)).toEqual({ piId: id, action: 'poweroff' });
    expect((await call('DELETE', `/oven/${id}`)).status).toBe(403);
    expect((await call('DELETE', '/oven/ffffffff')).status).toBe(500);
    expect(await call('GET', `/oven/${id}`)).toEqual({ status: 200, body: { id, status: 1 } });
    // What was attached stays a while, detached, and is none to this API until somebody keeps it.
    expect(await call('GET', '/disks')).toEqual({ status: 200, body: { disks: {} } });
    expect((await call('GET', `/disks/${diskId}`)).status).toBe(404);
    const otherId = (other.body as { id: string }).id;
    expect((await call('POST', `/oven/${otherId}/disks`, json({ diskId }))).status).toBe(404);
    const { deleteAt } = await server.client.disks.get({ params: { ref: diskId } });
    const days = (Date.parse(deleteAt ?? '') - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    expect(days).toBeLessThan(7.1);
    const kept = await server.cli('disk', 'keep', diskId);
    expect(kept.code).toBe(0);
    expect((await call('GET', `/disks/${diskId}`)).status).toBe(200);
    expect((await call('DELETE', `/disks/${diskId}`)).status).toBe(200);
    expect((await call('DELETE', `/disks/${diskId}`)).status).toBe(404);
    expect((await call('DELETE', `/bakeforms/${form}`)).status).toBe(409);
    expect((await call('DELETE', `/oven/${otherId}`)).status).toBe(200);
  });

  it('answers without a key where the settings say so, and nowhere else', async () => {
    const fridge = await fetch(`${keyless}/fridge`);
    expect(fridge.status).toBe(200);
    expect(await fridge.json()).toEqual((await call('GET', '/fridge')).body);
    expect((await fetch(`${server.url}/api/v1/fridge`)).status).toBe(401);
    expect((await fetch(`${keyless.replace('/api/v1', '')}/api/v2/devices`)).status).toBe(401);
    const made = await fetch(`${keyless}/disks`, { method: 'POST', body: json({ size: 1 }) });
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    expect((await fetch(`${keyless}/disks/${id}`, { method: 'DELETE' })).status).toBe(200);
    expect(server.output()).toContain('the API of Bakery is open there to everybody');
    const { items } = await server.client.audit.list({ query: { limit: 500 } });
    expect(items.some(({ keyName }) => keyName === 'nobody (bakery.open)')).toBe(true);
  });

  it('gives boot files to a TFTP server that forwards what boards ask it', { timeout: 60_000 }, async () => {
    const free = await fetch(`${keyless}/files/${one}/config.txt`);
    expect(free.status).toBe(404);
    const baked = (await call('POST', '/fridge', json({ bakeformName: form }))).body as { id: string };
    const looked = () => call('GET', `/oven/${baked.id}`);
    await expect.poll(async () => ((await looked()).body as { status: number }).status, { timeout: 30_000 }).toBe(2);
    // What the boot plane was told of a board is good for a few seconds.
    const cmdline = () => fetch(`${keyless}/files/${baked.id}/cmdline.txt`);
    await expect.poll(async () => (await cmdline()).status, { timeout: 20_000 }).toBe(200);
    expect(await (await cmdline()).text()).toMatch(/drover\.url=http:\/\/127\.0\.0\.1:\d+ .*drover\.mode=nbd/);
    const keyed = await call('GET', `/files/${baked.id}/config.txt`);
    expect(keyed.status).toBe(200);
    expect((await fetch(`${keyless}/files/${baked.id}/no/such.file`)).status).toBe(404);
    expect((await fetch(`${keyless}/files/${baked.id}/%2e%2e/%2e%2e/etc/passwd`)).status).toBe(404);
    expect((await fetch(`${keyless}/files/nonsense/config.txt`)).status).toBe(404);
    // One that nobody has seen shows up, for whoever adopts it.
    expect((await fetch(`${keyless}/files/0123abcd/config.txt`)).status).toBe(404);
    await expect
      .poll(async () =>
        (await server.client.devices.list({ query: { state: 'discovered' } })).items.map(
          ({ bootPrefix }) => bootPrefix,
        ),
      )
      .toContain('0123abcd');
    expect((await call('DELETE', `/oven/${baked.id}`)).status).toBe(200);
  });

  it('is told of in the audit trail, and takes its bakeforms away', async () => {
    await expect.poll(async () => (await call('DELETE', `/bakeforms/${form}`)).status, { timeout: 30_000 }).toBe(200);
    expect((await call('DELETE', `/bakeforms/${form}`)).status).toBe(404);
    const { items } = await server.client.audit.list({ query: { limit: 500 } });
    const kinds = new Set(items.map(({ operation }) => operation).filter((each) => each.startsWith('bakery ')));
    expect(kinds).toContain('bakery POST /fridge');
    expect(kinds).toContain('bakery DELETE /oven/:id');
    expect(server.output()).not.toContain(`/k/${server.key}`);
  });
});
