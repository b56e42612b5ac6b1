import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parentsOf } from './crash/house.js';
import { startServer, until, type TestServer } from './server.js';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;

let folder: string;
let server: TestServer;
let image: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-crash-'));
  image = join(folder, 'zeros.img.xz');
  await writeLongDecode(image);
  server = await startServer({ folder, settings: { images: { importFrom: [folder] } } });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A small file that takes xz a long time: joined xz files decode one after the other. */
const writeLongDecode = async (file: string): Promise<void> => {
  const zeros = join(folder, 'zeros');
  await writeFile(zeros, Buffer.alloc(64 * mebibyte));
  await run('xz', ['-0', zeros]);
  const once = await readFile(`${zeros}.xz`);
  for (let times = 0; times < 500; times += 1) await appendFile(file, once);
};

const commandOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();

/** The decoders that work below a process. */
const decodersBelow = async (ancestor: number): Promise<number[]> => {
  const found: number[] = [];
  for (const [pid, parent] of await parentsOf())
    if (parent === ancestor && (await commandOf(pid)) === 'xz') found.push(pid);
  return found;
};

describe('a killed control plane', () => {
  it('takes the decoder of a running import along, and the import begins anew', async () => {
    const { client } = server;
    const created = await client.images.create({
      body: { name: 'long', version: '1', source: { kind: 'path', path: image } },
    });
    const job = created.job ?? '';
    const before = await server.pidOf('control');
    let decoders: number[] = [];
    await until('a decoder is at work', async () => (decoders = await decodersBelow(before)).length > 0);
    await server.kill('control', 'SIGKILL');
    await until('the decoder is gone', async () => (await commandOf(decoders[0] ?? 0)) !== 'xz', 5000);

    let after = before;
    await until('there is a new control plane', async () => {
      after = await server.pidOf('control').catch(() => before);
      return after !== before;
    });
    await server.ready();
    await until('its decoder is at work', async () => (decoders = await decodersBelow(after)).length > 0);
    await client.jobs.cancel({ params: { id: job } });
    expect((await client.waitForJob(job)).state).toBe('cancelled');
    expect(await commandOf(decoders[0] ?? 0)).not.toBe('xz');
    expect((await client.images.list({ query: { name: 'long' } })).items).toEqual([]);
  });
});
