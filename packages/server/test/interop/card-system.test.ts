import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, type BoardShell } from './initramfs-shell.js';

// What a boot config does to the root of a board that keeps it on its card, and what the agent decides there.

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
  await mkdir(join(board.run, 'config/authorized_keys'), { recursive: true });
  await board.tree({
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000:pi:/home/pi:/bin/sh\nold:x:1001:1001::/:/bin/false\n',
    'home/pi/.keep': '',
  });
});
afterEach(() => board.dispose());

const read = (name: string): Promise<string> => readFile(join(board.root, name), 'utf8');
const config = (name: string, text: string): Promise<void> => writeFile(join(board.run, 'config', name), text);
const said = async (script: string, parts: readonly string[], env: Record<string, string> = {}): Promise<string> => {
  const { stdout, stderr } = await board.sh(`state="$run/state"\n${script}`, parts, env);
  expect(stderr).toBe('');
  return stdout.trim();
};

describe('authorized keys', () => {
  // Without rights nobody can be made the owner.
  const apply = () => said('chown() { echo "$@"; }\napply_authorized_keys', ['base', 'apply-config']);

  test('are added to those of the image, once, for their user', async () => {
    await config('authorized_keys/pi', 'ssh-ed25519 AAAA one\nssh-ed25519 BBBB two');
    await board.tree({ 'home/pi/.ssh/authorized_keys': 'ssh-ed25519 AAAA one\n' });
    expect(await apply()).toContain('1000:1000');
    expect(await read('home/pi/.ssh/authorized_keys')).toBe('ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n');
    expect(((await stat(join(board.root, 'home/pi/.ssh/authorized_keys'))).mode & 0o777).toString(8)).toBe('600');
  });

  test('of a user that the image has not are told', async () => {
    await config('authorized_keys/nobody-here', 'ssh-ed25519 AAAA one\n');
    expect(await apply()).toBe('no user nobody-here in this image for its authorized keys.');
  });

  test('do not follow a link out of the root', async () => {
    await config('authorized_keys/pi', 'ssh-ed25519 AAAA one\n');
    await mkdir(join(board.dir, 'outside'));
    await board.tree({ 'home/pi/.ssh': `-> ${join(board.dir, 'outside')}` });
    await apply();
    expect(await read('home/pi/.ssh/authorized_keys')).toBe('ssh-ed25519 AAAA one\n');
    await expect(stat(join(board.dir, 'outside/authorized_keys'))).rejects.toThrow('ENOENT');
  });
});

test('scripts of CattlePi find config, key, id, and their programs; those of the image stay', async () => {
  await config('config.json', '{"config":{}}');
  await writeFile(
    join(board.run, 'state'),
    'url=http://10.0.0.1:4567\nkey=0123456789\nfor=kitchen\nmac=dc:a6:32:01:36:c2\n',
  );
  await board.tree({ 'etc/cattlepi/autoupdate.sh': 'the image’s own' });
  await said('apply_cattlepi', ['base', 'apply-config']);
  expect(await read('cattlepi/config')).toBe('{"config":{}}');
  expect(await read('cattlepi/apikey')).toBe('0123456789\n');
  expect(await read('cattlepi/base')).toBe('http://10.0.0.1:4567\n');
  expect(await read('cattlepi/base_relative_config')).toBe('boot/kitchen/config\n');
  expect(await read('etc/cattlepi/autoupdate.sh')).toBe('the image’s own');
  expect(await read('etc/cattlepi/hard_reboot.sh')).toContain('agent restart');
});

test('units of the agent are there, of usercode only where there is some', async () => {
  await said('apply_agent', ['base', 'apply-config']);
  const wanted = join(board.root, 'run/systemd/system/multi-user.target.wants');
  expect(await readFile(join(wanted, 'drover-agent.service'), 'utf8')).toContain('lib/agent run');
  await expect(stat(join(wanted, 'drover-usercode.service'))).rejects.toThrow('ENOENT');
  await config('usercode', 'echo hello\n');
  await said('apply_agent', ['base', 'apply-config']);
  expect(await readFile(join(wanted, 'drover-usercode.service'), 'utf8')).toContain('Type=oneshot');
});

describe('paths that stay', () => {
  const paths = (list: string) =>
    config('settings', `persist=${list}\n`).then(() => said('persist_paths', ['persist', 'base']));

  test('are absolute, plain and lead nowhere else', async () => {
    expect(await paths('/var/lib/app,etc/x,/,/a/../b,/a/./b,//c,/etc/app.conf,/...x,/a/..')).toBe(
      '/var/lib/app\n/etc/app.conf\n/...x',
    );
    expect(await paths('/var/lib/$(reboot)')).toBe('');
  });

  test('get what the image has there, once, and are bound over it', async () => {
    await board.tree({ 'var/lib/app/data': 'of the image' });
    await config('settings', 'persist=/var/lib/app,/etc/app.conf\n');
    await mkdir(join(board.run, 'data'));
    await chmod(join(board.run, 'data'), 0o777);
    const bind = () =>
      said(
        'card_data="$run/data" store_kind=partition newroot="$root"\nmount() { echo "$3 on ${4#$root}"; }\nsync() { :; }\npersist_bind',
        ['persist', 'base'],
      );
    expect((await bind()).split('\n').map((line) => line.replace(board.run, ''))).toEqual([
      '/data/persist/var/lib/app on /var/lib/app',
      '/data/persist/etc/app.conf on /etc/app.conf',
    ]);
    const kept = join(board.run, 'data/persist/var/lib/app/data');
    expect(await readFile(kept, 'utf8')).toBe('of the image');
    await chmod(kept, 0o666);
    await writeFile(kept, 'changed since');
    await bind();
    expect(await readFile(kept, 'utf8')).toBe('changed since');
  });
});

describe('the window for updates', () => {
  test.each([
    ['03:00', '02:00-04:00', true],
    ['04:00', '02:00-04:00', false],
    ['01:59', '02:00-04:00', false],
    ['23:30', '22:00-05:30', true],
    ['05:29', '22:00-05:30', true],
    ['12:00', '22:00-05:30', false],
    ['08:09', '08:08-09:09', true],
    ['12:00', '', true],
  ])('at %s, with %s: %s', async (now, window, isOpen) => {
    expect(await said(`if in_window ${now} '${window}'; then echo open; else echo shut; fi`, ['base', 'agent'])).toBe(
      isOpen ? 'open' : 'shut',
    );
  });
});
