import { execFile } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

/** The programs of that name that work below a process. */
const childrenOf = async (ancestor: number, name: string): Promise<number[]> => {
  const found: number[] = [];
  for (const [pid, parent] of await parentsOf())
    if (parent === ancestor && (await commandOf(pid)) === name) found.push(pid);
  return found;
};

/** A tar of a root with so many files in one folder that mke2fs takes a minute to place them. */
const writeLongRoot = async (file: string): Promise<void> => {
  const script = 'mkdir -p many/d; (cd many/d; seq 20000 | xargs touch); tar -C many -cf "$1" .; rm -r many';
  await run('sh', ['-euc', script, 'sh', file], { cwd: folder });
};

/** Waits until `name` works below the control plane, kills that, and waits until it is gone and works below the next one. */
const killAt = async (name: string): Promise<number> => {
  const before = await server.pidOf('control');
  let children: number[] = [];
  await until(`${name} is at work`, async () => (children = await childrenOf(before, name)).length > 0);
  await server.kill('control', 'SIGKILL');
  await until(`${name} is gone`, async () => (await commandOf(children[0] ?? 0)) !== name, 5000);
  let after = before;
  await until('there is a new control plane', async () => {
    after = await server.pidOf('control').catch(() => before);
    return after !== before;
  });
  await server.ready();
  await until(`${name} is at work again`, async () => (children = await childrenOf(after, name)).length > 0);
  return children[0] ?? 0;
};

describe('a killed control plane', () => {
  it('takes the decoder of a running import along, and the import begins anew', async () => {
    const { client } = server;
    const created = await client.images.create({
      body: { name: 'long', version: '1', source: { kind: 'path', path: image } },
    });
    const job = created.job ?? '';
    const decoder = await killAt('xz');
    await client.jobs.cancel({ params: { id: job } });
    expect((await client.waitForJob(job)).state).toBe('cancelled');
    expect(await commandOf(decoder)).not.toBe('xz');
    expect((await client.images.list({ query: { name: 'long' } })).items).toEqual([]);
  });

  it('takes the tools along that build a disk from tars', async () => {
    const { client } = server;
    await mkdir(join(folder, 'boot'));
    await writeFile(join(folder, 'boot', 'config.txt'), '');
    await run('tar', ['-C', join(folder, 'boot'), '-cf', join(folder, 'boot.tar'), '.']);
    await writeLongRoot(join(folder, 'root.tar'));
    const upload = async (name: string): Promise<string> => {
      const bytes = await readFile(join(folder, name));
      return (await client.upload(new Blob([bytes]), { filename: name })).id;
    };
    const source = { kind: 'tars', boot: await upload('boot.tar'), root: await upload('root.tar') } as const;
    const { job } = await client.images.create({ body: { name: 'built', version: '1', source } });
    const builder = await killAt('mke2fs');
    await client.jobs.cancel({ params: { id: job ?? '' } });
    expect((await client.waitForJob(job ?? '')).state).toBe('cancelled');
    expect(await commandOf(builder)).not.toBe('mke2fs');
  });
});
