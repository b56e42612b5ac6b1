import { chown, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputs, type ImageInput } from './inputs/index.js';
import { run, type RunResult } from './inputs/run.js';

// A build as someone who is not root. That user is in lists that only a mount namespace of the test has in the place of /etc/passwd and others.

const user = { name: 'mason', id: 61_234 };
const subordinate = { start: 7_000_000, count: 65_536 };
const repository = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let home: string;
let web: Server;
let fast: ImageInput;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-as-user-'));
  await chmod(folder, 0o755);
  home = path.join(folder, 'home');
  await mkdir(path.join(home, 'drover'), { recursive: true });
  fast = await inputs.fast();
  web = createServer((_request, response) => void createReadStream(fast.path).pipe(response)).listen(0, '127.0.0.1');
  await once(web, 'listening');
  await mkdir(path.join(home, 'recipe'));
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/fast.img`;
  const recipe = {
    base: { url, sha256: fast.sha256 },
    files: [{ path: '/etc/added', content: 'by the recipe\n' }],
    scripts: [{ run: 'uname -m >/etc/machine; chown 33:33 /etc/machine; echo 0:0 is "$(id -u):$(id -g)" >/etc/who' }],
  };
  await writeFile(path.join(home, 'recipe/recipe.yaml'), JSON.stringify(recipe));
  for (const place of ['', 'drover', 'recipe', 'recipe/recipe.yaml'])
    await chown(path.join(home, place), user.id, user.id);
});
afterAll(async () => {
  web?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the CLI as the user, whose home holds this checkout too: that of root may be closed to others. */
async function asUser(ranges: string, args: readonly string[]): Promise<RunResult> {
  const lists: Record<string, string> = {
    passwd: `root:x:0:0::/root:/bin/sh\n${user.name}:x:${user.id}:${user.id}::${home}:/bin/sh\n`,
    group: `root:x:0:\n${user.name}:x:${user.id}:\n`,
    subuid: ranges,
    subgid: ranges,
  };
  for (const [name, text] of Object.entries(lists)) await writeFile(path.join(folder, name), text, { mode: 0o644 });
  const script = [
    ...Object.keys(lists).map((name) => `touch /etc/${name}; mount --bind "$1/${name}" /etc/${name}`),
    // As udev leaves it on any Debian (50-udev-default.rules); a machine without udev has it for root alone.
    '[ -e "$1/fuse" ] || mknod "$1/fuse" c 10 229; chmod 0666 "$1/fuse"; mount --bind "$1/fuse" /dev/fuse',
    'mount --bind "$2" "$3/drover"; cd "$3"; export HOME="$3"',
    `shift 3; exec setpriv --reuid ${user.id} --regid ${user.id} --clear-groups --inh-caps=-all "$@"`,
  ].join('\n');
  const command = [process.execPath, path.join(home, 'drover/packages/cli/bin/drover.js'), ...args];
  const words = ['unshare', '--mount', 'sh', '-euc', script, 'sh', folder, repository, home, ...command];
  return run(words, { okCodes: [0, 1, 2, 3, 4, 5, 6] });
}

const ranges = `${user.name}:${subordinate.start}:${subordinate.count}\n`;

test('someone who is not root builds an image, which belongs to root and to its own users', async () => {
  const out = path.join(home, 'out');
  const said = await asUser(ranges, ['build', 'recipe', '--output', out, '--card']);
  expect(said, said.stderr).toMatchObject({ code: 0 });
  const list = (await run(['unsquashfs', '-lln', path.join(out, 'rootfs.sqsh')])).stdout;
  expect(list).toMatch(/^-rw-r--r-- 0\/0 .* squashfs-root\/etc\/added$/m);
  expect(list).toMatch(/^-rw-r--r-- 33\/33 .* squashfs-root\/etc\/machine$/m);
  expect(list).not.toContain(String(user.id));
  const file = async (name: string): Promise<string> =>
    (await run(['unsquashfs', '-cat', path.join(out, 'rootfs.sqsh'), name])).stdout;
  expect(await file('etc/machine')).toBe('aarch64\n');
  expect(await file('etc/who')).toBe('0:0 is 0:0\n');

  // The same bytes as root makes of it.
  const asRoot = path.join(folder, 'as-root');
  const cli = path.join(repository, 'packages/cli/bin/drover.js');
  const root = ['--output', asRoot, '--card', '--cache-dir', path.join(folder, 'cache')];
  await run([process.execPath, cli, 'build', path.join(home, 'recipe'), ...root]);
  const manifest = (place: string): Promise<string> => readFile(path.join(place, 'image.json'), 'utf8');
  expect(await manifest(out)).toBe(await manifest(asRoot));

  // Layers hold files of the image's users, which the user alone cannot remove.
  const cache = path.join(home, '.cache/drover');
  expect(await readdir(path.join(cache, 'builds/layers'))).not.toEqual([]);
  expect(await asUser(ranges, ['builds', 'clear-cache', '--packages'])).toMatchObject({ code: 0 });
  const setUser = ['setpriv', '--reuid', String(user.id), '--regid', String(user.id), '--clear-groups'];
  const removed = await run([...setUser, 'rm', '-rf', cache, out], { okCodes: [0, 1] });
  expect(removed.stderr).toBe('');
}, 600_000);

test('a user without ids for the users of an image is told how to get them', async () => {
  const { code, stderr } = await asUser('', ['build', 'recipe', '--output', path.join(home, 'refused')]);
  expect(code).not.toBe(0);
  expect(stderr).toContain('/etc/subuid gives mason no 65536 ids');
  expect(stderr).toContain('usermod --add-subuids');
});
