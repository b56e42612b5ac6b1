import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { debianSources } from '@drover/debian';
import { powerOn } from './drover/board.js';
import { buildCache, buildRecipe, cli } from './drover/build.js';
import { startDrover, type Drover } from './drover/server.js';
import { inputs, type ImageInput } from './inputs/index.js';
import { run } from './inputs/run.js';
import { createLab, type Lab } from './lab/index.js';

// Recipes that begin with an image: of a web server, and of Drover's own.

let folder: string;
let web: Server;
let lab: Lab;
let drover: Drover;
let fast: ImageInput;
const running: { kill(): Promise<unknown> }[] = [];

/** A server that goes away in the middle of what it promised. */
function breakOff(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 1_000_000 }).write('the first bytes');
  setTimeout(() => response.destroy(), 200);
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-on-image-'));
  fast = await inputs.fast();
  web = createServer((request, response) => {
    if (request.url === '/cut.img') return breakOff(response);
    const file = path.join(folder, 'web', path.basename(request.url ?? ''));
    createReadStream(file)
      .on('error', () => response.writeHead(404).end())
      .pipe(response);
  }).listen(0, '127.0.0.1');
  await once(web, 'listening');
  await mkdir(path.join(folder, 'web'));
  lab = await createLab({ name: 'on-image' });
  drover = await startDrover(lab, { settings: { builds: { cacheDir: buildCache } } });
});
afterEach(async () => {
  for (const each of running.splice(0)) await each.kill();
});
afterAll(async () => {
  await drover?.stop();
  await lab?.dispose();
  web?.close();
  await rm(folder, { recursive: true, force: true });
});

const urlOf = (name: string): string => `http://127.0.0.1:${(web.address() as AddressInfo).port}/${name}`;

async function writeRecipe(name: string, recipe: object): Promise<string> {
  const place = path.join(folder, name);
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, 'recipe.yaml'), JSON.stringify(recipe));
  return place;
}

const additions = {
  files: [{ path: '/etc/added', content: 'by the recipe\n' }],
  scripts: [{ run: '[ -e /boot/firmware/config.txt ] || [ -e /boot/config.txt ]; uname -m >/etc/machine' }],
  boot: { config: ['dtparam=audio=on'], parameters: 'drover.test' },
};

test('a compressed image of a web server is built on, keeps what it is, and a board boots the result', async () => {
  const packed = path.join(folder, 'web/fast.img.zst');
  await run(['zstd', '-q', '-1', fast.path, '-o', packed]);
  const sha256 = (await run(['sha256sum', packed])).stdout.split(' ')[0] ?? '';
  const recipe = await writeRecipe('added', { base: { url: urlOf('fast.img.zst'), sha256 }, ...additions });
  const out = path.join(folder, 'out');
  const manifest = await buildRecipe(recipe, out);
  expect(manifest).toMatchObject({ base: sha256, architecture: 'arm64' });
  const again = await buildRecipe(recipe, path.join(folder, 'again'));
  expect(again).toEqual(manifest);

  const table = JSON.parse((await run(['sfdisk', '-J', path.join(out, 'disk.img')])).stdout) as {
    partitiontable: { id: string; partitions: { start: number }[] };
  };
  expect(table.partitiontable.id).toBe(`0x${fast.diskId}`);
  const place = `${path.join(out, 'disk.img')}@@${(table.partitiontable.partitions[0]?.start ?? 0) * 512}`;
  const bootFile = async (name: string): Promise<string> => (await run(['mtype', '-i', place, `::${name}`])).stdout;
  const before = await readFile(path.join(fast.bootDir, 'config.txt'), 'utf8');
  expect(await bootFile('config.txt')).toBe(`${before.trimEnd()}\n[all]\ndtparam=audio=on\n`);
  expect(await bootFile('cmdline.txt')).toMatch(/root=PARTUUID=\S+-02 .* drover\.test\n$/);
  const root = path.join(out, 'rootfs.sqsh');
  expect((await run(['unsquashfs', '-cat', root, 'etc/machine'])).stdout).toBe('aarch64\n');
  expect((await run(['unsquashfs', '-lls', root])).stdout).not.toMatch(/boot\/\S*config\.txt/);

  await drover.importImage(path.join(out, 'disk.img'), 'added', '1');
  await drover.provisioned({ name: 'added', serial: '10000000ba5e0001', image: 'added:1' });
  running.push(await powerOn(lab, { model: '4b', serial: '10000000ba5e0001' }));
  await drover.untilUp('added');
}, 600_000);

test('an image of the server is built on, and put into the server again', async () => {
  await drover.importImage(fast.path, 'fast', '1');
  const recipe = await writeRecipe('from-server', { base: { image: 'fast:1' }, version: '2', ...additions });
  const env = { DROVER_SERVER: drover.url, DROVER_KEY: drover.key };
  await run(['node', cli, 'build', recipe, '--cache-dir', buildCache], { env });
  const image = await drover.client.call('getImage', { params: { ref: 'from-server:2' } });
  expect(image).toMatchObject({ state: 'ready', facts: { rootModes: expect.arrayContaining(['ram']) as string[] } });
  // The server makes the same bytes of it: others under that name would be refused.
  await run(['node', cli, 'build', recipe, '--remote'], { env });
  const { items } = await drover.client.builds.list({ query: { recipe: 'from-server' } });
  expect(items).toMatchObject([{ state: 'succeeded', image: 'from-server:2', unchanged: true }]);
  const { stderr, code } = await run(
    ['node', cli, 'build', await writeRecipe('missing', { base: { image: 'nosuch:1' } }), '--cache-dir', buildCache],
    { env, okCodes: [0, 1, 2, 3] },
  );
  expect([code, stderr]).toEqual([3, expect.stringContaining('nosuch:1')]);
}, 600_000);

test('packages come onto a Debian image, chosen against what it has, and its own are in the bill of materials', async () => {
  const full = await inputs.full();
  await copyFile(full.path, path.join(folder, 'web/full.img'));
  const [source] = await debianSources();
  if (source === undefined) throw new Error('a machine without sources of Debian');
  const { uri, suite, signedBy = '/usr/share/keyrings/debian-archive-keyring.gpg' } = source;
  const recipe = await writeRecipe('with-packages', {
    base: { url: urlOf('full.img'), sha256: full.sha256 },
    sources: [{ name: 'debian', uri, suite, components: ['main'], key: 'debian.gpg' }],
    packages: ['hello'],
  });
  await copyFile(signedBy, path.join(recipe, 'debian.gpg'));
  const out = path.join(folder, 'packages');
  const { packages } = await buildRecipe(recipe, out);
  expect(packages.find(({ name }) => name === 'hello')?.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(packages.find(({ name }) => name === 'systemd')).toMatchObject({ version: expect.any(String) as string });
  expect(packages.find(({ name }) => name === 'systemd')?.sha256).toBeUndefined();
  const { stdout } = await run(['unsquashfs', '-cat', path.join(out, 'rootfs.sqsh'), 'var/lib/dpkg/status']);
  expect(stdout).toMatch(/^Package: hello\nStatus: install ok installed$/m);
  // What lets ping open a raw socket: the same bytes as before.
  const capability = async (disk: string): Promise<string> => {
    const table = JSON.parse((await run(['sfdisk', '-J', disk])).stdout) as {
      partitiontable: { partitions: { start: number }[] };
    };
    const offset = (table.partitiontable.partitions[1]?.start ?? 0) * 512;
    const read = 'ea_get -x /usr/bin/ping security.capability';
    return (await run(['debugfs', '-R', read, `${disk}?offset=${offset}`])).stdout;
  };
  expect(await capability(full.path)).toContain('00 20');
  expect(await capability(path.join(out, 'disk.img'))).toBe(await capability(full.path));
}, 600_000);

test('what cannot be begun with is refused with the reason', async () => {
  await writeFile(path.join(folder, 'web/text.img'), 'no image at all');
  const build = async (base: object): Promise<string> =>
    (
      await run(
        ['node', cli, 'build', await writeRecipe('refused', { base }), '--output', folder, '--cache-dir', buildCache],
        { okCodes: [1, 2, 3, 4, 6] },
      )
    ).stderr;
  const zeroes = '0'.repeat(64);
  const sha256 = createHash('sha256').update('no image at all').digest('hex');
  expect(await build({ url: urlOf('text.img'), sha256 })).toContain('drover: base: ');
  expect(await build({ url: urlOf('cut.img'), sha256: zeroes })).toMatch(/cut\.img cannot be fetched: /);
  expect(await build({ url: urlOf('text.img'), sha256: zeroes })).toMatch(/has sha256 [0-9a-f]{64}, not 0{64}/);
  expect(await build({ url: urlOf('nowhere.img'), sha256: zeroes })).toContain('the server says 404');
  expect(await build({ url: 'http://127.0.0.1:9/x.img', sha256: zeroes })).toContain('cannot be fetched');
});

test('a folder that cannot be written is refused before anything is built', async () => {
  const file = path.join(folder, 'a-file');
  await writeFile(file, '');
  for (const [output, reason] of [
    ['/proc/none', '/proc cannot be written: ENOENT'],
    [path.join(file, 'below'), `${file} cannot be written: ENOTDIR`],
  ] as const) {
    const { code, stderr } = await run(['node', cli, 'build', 'base', '--output', output, '--cache-dir', buildCache], {
      okCodes: [0, 1, 2],
    });
    expect([code, stderr]).toEqual([2, expect.stringContaining(`--output: ${reason}`)]);
  }
}, 60_000);
