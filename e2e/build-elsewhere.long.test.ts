import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildCache, buildRecipe, cli } from './drover/build.js';
import { run, type RunResult } from './inputs/run.js';
import { createLab, type Lab } from './lab/index.js';

// `drover build --on ssh://HOST`: OpenSSH's server in a namespace of its own is the other host, and has nothing of Drover but what is kept of builds.

let lab: Lab;
let folder: string;
let recipe: string;
let sshConfig: string;
const account = 'root';

/** A port for each way that host may be set up. */
const ports = { ready: 2201, withoutNode: 2202 };

async function startSshd(port: number, more: readonly string[]): Promise<void> {
  const file = path.join(folder, `sshd_${port}`);
  const lines = [
    ...[`Port ${port}`, `ListenAddress ${lab.net.server}`, `HostKey ${folder}/host`, `PidFile ${folder}/pid_${port}`],
    ...[`AuthorizedKeysFile ${folder}/user.pub`, 'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', ...more],
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  const sshd = await lab.spawn(['/usr/sbin/sshd', '-D', '-e', '-f', file], { at: 'server', name: 'sshd' });
  await sshd.console.expect('Server listening', 20_000);
}

/** All that a login finds there: a shell, and no Node.js. */
async function fewPrograms(): Promise<string> {
  const bin = path.join(folder, 'bin');
  await mkdir(bin);
  for (const name of ['sh', 'touch']) await symlink(`/bin/${name}`, path.join(bin, name));
  return bin;
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-elsewhere-'));
  recipe = path.join(folder, 'elsewhere');
  sshConfig = path.join(folder, 'config');
  for (const name of ['host', 'user'])
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path.join(folder, name)]);
  lab = await createLab({ name: 'elsewhere', router: false });
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  await startSshd(ports.ready, [`SetEnv PATH=${path.dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`]);
  await startSshd(ports.withoutNode, [`SetEnv PATH=${await fewPrograms()}`]);
  const host = (await readFile(path.join(folder, 'host.pub'), 'utf8')).split(' ').slice(0, 2).join(' ');
  const known = Object.values(ports).map((port) => `[${lab.net.server}]:${port} ${host}\n`);
  await writeFile(path.join(folder, 'known'), known.join(''));
  const settings = [`IdentityFile ${folder}/user`, 'IdentitiesOnly yes', `UserKnownHostsFile ${folder}/known`];
  await writeFile(sshConfig, `${settings.join('\n')}\n`);
});
afterAll(async () => {
  await lab?.dispose();
  await rm(folder, { recursive: true, force: true });
});

async function writeRecipe(content: string): Promise<void> {
  await mkdir(recipe, { recursive: true });
  await writeFile(path.join(recipe, 'note'), content);
  const file = { path: '/opt/note', source: 'note' };
  await writeFile(
    path.join(recipe, 'recipe.yaml'),
    JSON.stringify({
      extends: 'base',
      files: [file],
      scripts: [{ run: 'uname -m >/opt/machine; sleep "$(cat /opt/note)"' }],
    }),
  );
}

const args = (port: number, out: string, more: readonly string[] = []): string[] => [
  ...['node', cli, 'build', recipe, '--on', `ssh://${account}@${lab.net.server}:${port}`, '--ssh-config', sshConfig],
  ...['--output', path.join(folder, out), '--cache-dir', buildCache, ...more],
];

const build = (port: number, out: string, more: readonly string[] = []): Promise<RunResult> =>
  lab.run(args(port, out, more), {
    at: 'router',
    env: { HOME: path.join(folder, 'home'), XDG_CACHE_HOME: path.join(folder, 'cache') },
    okCodes: [0, 1, 2, 3, 4],
  });

test('another host builds the same bytes from the same list of packages, with nothing of Drover there before', async () => {
  await writeRecipe('0');
  const here = await buildRecipe(recipe, path.join(folder, 'here'));
  // Without a network there is nothing but what is kept; it is there, as this is the same machine.
  const lock = ['--lock', path.join(folder, 'here/packages.lock.json')];
  const { code, stderr } = await build(ports.ready, 'there', [...lock, '--card', '--verbose']);
  expect([code, stderr.slice(-2000)]).toEqual([0, expect.stringContaining('look at all of it')]);
  const there = JSON.parse(await readFile(path.join(folder, 'there/image.json'), 'utf8')) as typeof here;
  expect(there).toEqual(here);
  const { stdout } = await run([
    'sha256sum',
    path.join(folder, 'there/disk.img'),
    path.join(folder, 'there/rootfs.sqsh'),
  ]);
  expect(stdout).toContain(here.files['disk.img']?.sha256);
  expect(stdout).toContain(here.files['rootfs.sqsh']?.sha256);
}, 900_000);

test('a layer is made there, and a fault there is told here with the name of that host', async () => {
  await writeRecipe('no number of seconds');
  const lock = ['--lock', path.join(folder, 'here/packages.lock.json')];
  const { code, stderr } = await build(ports.ready, 'fails', lock);
  expect(code).not.toBe(0);
  expect(stderr).toContain('invalid time interval');
  expect(stderr).toContain(`On ${account}@${lab.net.server}: `);
  expect(existsSync(path.join(folder, 'fails'))).toBe(false);
}, 300_000);

/** Processes of the other host besides its daemons. */
async function atWorkThere(): Promise<string[]> {
  const { stdout } = await run(['ip', 'netns', 'pids', lab.netns('server')], { okCodes: [0, 1, 255] });
  const lines: string[] = [];
  for (const pid of stdout.split('\n').filter(Boolean)) {
    const line = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    if (line !== '' && !line.includes('/usr/sbin/sshd -D')) lines.push(line);
  }
  return lines;
}

test.each(['SIGINT', 'SIGKILL'] as const)(
  'a build that is ended here with %s ends there',
  async (signal) => {
    await writeRecipe('65432');
    const lock = ['--lock', path.join(folder, 'here/packages.lock.json')];
    const words = ['netns', 'exec', lab.netns('router'), ...args(ports.ready, 'never', lock)];
    const env = { ...process.env, HOME: path.join(folder, 'home'), XDG_CACHE_HOME: path.join(folder, 'cache') };
    const child = spawn('ip', words, { stdio: 'ignore', env });
    const ended = once(child, 'close');
    await expect
      .poll(atWorkThere, { timeout: 120_000 })
      .toEqual(expect.arrayContaining([expect.stringContaining('sleep 65432')]));
    child.kill(signal);
    await ended;
    await expect.poll(atWorkThere, { timeout: 60_000 }).toEqual([]);
    expect(existsSync(path.join(folder, 'never'))).toBe(false);
    if (signal === 'SIGINT') return;
    await writeRecipe('0');
    await build(ports.ready, 'after', lock);
    const left = await readdir(path.join(buildCache, 'work'));
    expect(left.filter((name) => !existsSync(`/proc/${name.split('-')[0]}`))).toEqual([]);
  },
  300_000,
);

test('what is wrong with the other host is said with the remedy', async () => {
  const noNode = await build(ports.withoutNode, 'none');
  expect([noNode.code, noNode.stderr]).toEqual([
    1,
    expect.stringMatching(/has no Node\.js, and a build needs 20.*apt install nodejs/s),
  ]);
  const noHost = await build(2203, 'none');
  expect([noHost.code, noHost.stderr]).toEqual([1, expect.stringMatching(/Cannot log in on root@.*refused/s)]);
});
