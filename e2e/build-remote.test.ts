import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Build } from '@drover/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer, until, type TestServer } from '../packages/server/test/system/server.js';
import { buildCache } from './drover/build.js';
import { cacheDir } from './inputs/cache.js';

const minutes = 60_000;
let folder: string;
let server: TestServer;

const start = async (): Promise<void> => {
  server = await startServer({
    folder,
    settings: { helpers: { cacheDir: path.join(cacheDir, 'helpers') }, builds: { cacheDir: buildCache } },
  });
};
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-remote-'));
  await start();
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A recipe with a layer that was never made before, in which a script says its word and then works on. */
const writeRecipe = async (name: string, seconds: number): Promise<string> => {
  const at = path.join(folder, 'recipes', name);
  await mkdir(at, { recursive: true });
  await writeFile(path.join(at, 'word'), 'beside the recipe\n');
  await writeFile(
    path.join(at, 'recipe.yaml'),
    JSON.stringify({
      extends: 'base',
      files: [{ path: '/etc/word', source: 'word' }],
      scripts: [{ run: `echo "at work on ${name} $$"; : ${process.pid} ${Date.now()}; sleep ${seconds}` }],
    }),
  );
  return at;
};

const buildOf = async (recipe: string): Promise<Build> => {
  const { items } = await server.client.builds.list({ query: { recipe } });
  const [build] = items;
  if (build === undefined) throw new Error(`there is no build of ${recipe}`);
  return build;
};
const logOf = async ({ id }: Build): Promise<string> => (await server.cli('builds', 'log', id)).stdout;

/** Processes of this machine in other user namespaces than ours, below the server. */
const inNamespaces = (root: number): number[] => {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        return [{ pid: Number(name), parent, space: readlinkSync(`/proc/${name}/ns/user`) }];
      } catch {
        return [];
      }
    });
  const below = new Set([root]);
  for (let size = 0; size !== below.size;) {
    size = below.size;
    for (const { pid, parent } of stats) if (below.has(parent)) below.add(pid);
  }
  const own = readlinkSync('/proc/self/ns/user');
  return stats.filter(({ pid, space }) => below.has(pid) && space !== own).map(({ pid }) => pid);
};

const digests = (bytes: Uint8Array): { md5: string; sha256: string } => ({
  md5: createHash('md5').update(bytes).digest('hex'),
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

describe('a recipe that comes with Drover', () => {
  test(
    'is built by the server, put into the image store and published with addresses that hold what they say',
    async () => {
      const done = await server.cli('build', 'base', '--remote', '--publish');
      expect(done.code, done.stderr.slice(-3000)).toBe(0);
      expect(done.stdout).toMatch(/^state\tsucceeded/m);
      expect(done.stderr).toMatch(/^\[\d+\/\d+\] pack the root$/m);
      const build = await buildOf('base');
      expect(await server.client.images.get({ params: { ref: build.image ?? '' } })).toMatchObject({ state: 'ready' });
      expect(await logOf(build)).toContain(`${build.image} is in the image store.`);

      const info = await fetch(`${server.url}/images/global/base/latest/info.sh?apiKey=${server.key}`);
      const values = new Map([...(await info.text()).matchAll(/^([A-Z0-9]+)='([^']*)'$/gm)].map((m) => [m[1], m[2]]));
      expect(values.get('INFO')).toContain(build.image);
      for (const name of ['INITFS', 'ROOTFS']) {
        const url = values.get(name) ?? '';
        expect(url.startsWith(`${server.url}/images/global/base/`)).toBe(true);
        const answer = await fetch(url, { headers: { 'x-api-key': server.key } });
        const found = digests(new Uint8Array(await answer.arrayBuffer()));
        expect(found).toEqual({ md5: values.get(`${name}MD5`), sha256: values.get(`${name}SHA256`) });
      }
      expect((await fetch(`${server.url}/images/global/base/latest/info.sh`)).status).toBe(400);
      // No key in what the server wrote.
      expect(server.output()).not.toContain(`apiKey=${server.key}`);
    },
    15 * minutes,
  );
});

describe('a recipe that is uploaded', () => {
  test(
    'ends in the middle when it is cancelled: nothing runs on, no image is there, the log is',
    async () => {
      const recipe = await writeRecipe('cancelled', 600);
      expect(await server.cli('build', recipe, '--remote', '--no-wait')).toMatchObject({ code: 0 });
      const { id } = await buildOf('cancelled');
      await until(
        'its script is at work',
        async () => (await logOf(await buildOf('cancelled'))).includes('at work on'),
        10 * minutes,
      );
      const control = await server.pidOf('control');
      expect(inNamespaces(control)).not.toEqual([]);
      const refused = await server.cli('builds', 'delete', id);
      expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining(`drover builds cancel ${id}`)]);

      expect(await server.cli('builds', 'cancel', id)).toMatchObject({ code: 0 });
      await until('it has ended', async () => (await buildOf('cancelled')).endedAt !== null);
      const build = await buildOf('cancelled');
      expect(build).toMatchObject({ state: 'cancelled', image: null, files: [], error: { code: 'job.cancelled' } });
      expect(inNamespaces(control)).toEqual([]);
      expect((await server.client.images.list({ query: { name: 'cancelled' } })).items).toEqual([]);
      expect(await logOf(build)).toMatch(/at work on cancelled[^]*The build is ended\.\n$/);
      expect(readdirSync(path.join(server.dataDir, 'uploads'))).toEqual([]);
      expect(await server.cli('builds', 'delete', id)).toMatchObject({ code: 0 });
    },
    15 * minutes,
  );

  test(
    'is built to its end though the server is killed in the middle, and whoever follows it sees both parts',
    async () => {
      const recipe = await writeRecipe('restarted', 20);
      const following = server.cli('build', recipe, '--remote', '--verbose');
      await until(
        'its script is at work',
        async () =>
          (await server.client.builds.list({ query: { recipe: 'restarted' } })).items.length > 0 &&
          (await logOf(await buildOf('restarted'))).includes('at work on'),
        10 * minutes,
      );
      const control = await server.pidOf('control');
      await server.kill('control', 'SIGKILL');
      await until('nothing of the first one runs on', () => inNamespaces(control).length === 0);
      await server.ready();
      const done = await following;
      expect(done.code, done.stderr.slice(-3000)).toBe(0);
      expect(done.stderr).toMatch(/The build begins again[^]*\(kept\)[^]*at work on restarted/);
      const build = await buildOf('restarted');
      expect([build.state, build.image]).toEqual(['succeeded', expect.stringMatching(/^restarted:/)]);
    },
    20 * minutes,
  );
});
