import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createFirstBootLab, judge, type FirstBootLab } from './first-boot-lab.js';

/** Debian's own cloud-init judges: what it would ask, find and do. */
const reader = fileURLToPath(new URL('./cloud-init-reader.py', import.meta.url));

let lab: FirstBootLab;
afterEach(() => lab.dispose());

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb0example0000000000000000000000000000 me@here';
const passwordHash = '$6$saltsaltsalt$0123456789abcdef./ABCDEF';
const seed = 'var/lib/cloud/seed/nocloud';
const drop = 'etc/cloud/cloud.cfg.d/zz-drover-first-boot.cfg';

const open = async (files: Record<string, string> = {}): Promise<FirstBootLab> => {
  const opened = await createFirstBootLab({
    'usr/bin/cloud-init': '',
    'lib/systemd/system/cloud-init.service': '',
    // An image that asks elsewhere, as the vendor's does.
    'etc/cloud/cloud.cfg.d/99_vendor.cfg':
      'datasource_list: [ Ec2, NoCloud ]\ndatasource: { NoCloud: { seedfrom: "http://192.0.2.1/", fs_label: bootfs } }\n',
    ...files,
  });
  await copyFile('/etc/cloud/cloud.cfg', opened.at('etc/cloud/cloud.cfg'));
  return opened;
};

interface Seen {
  readonly found: boolean;
  readonly list: string[];
  readonly instance: string;
  readonly hostname: string;
  readonly userdata: string;
  readonly network: unknown;
  readonly networking: unknown;
  readonly deletesKeys: boolean;
  readonly users: Record<string, Record<string, unknown>>;
  readonly first: string | null;
  readonly timezone: string | null;
}
const seen = async (): Promise<Seen> => {
  const { code, text } = await judge('/usr/bin/python3', [reader, lab.board.root]);
  if (code !== 0) expect.fail(text);
  return JSON.parse(text.trim().split('\n').at(-1)!) as Seen;
};
const isThere = async (name: string): Promise<boolean> => (await judge('ls', ['-d', lab.at(name)])).code === 0;

describe('an image with cloud-init', () => {
  it('is given a seed that it finds at once, and nothing else is asked', async () => {
    lab = await open();
    const users = [
      { name: 'anna', passwordHash, authorizedKeys: [key], sudo: true, groups: ['video', 'adm'] },
      { name: 'bert', shell: '/bin/sh' },
    ];
    const said = await lab.boot({
      hostname: 'sign-17',
      timezone: 'Europe/Zurich',
      keymap: 'ch',
      locale: 'C.UTF-8',
      users,
    });
    expect(said).toContain('first boot: by cloud-init');
    expect(await lab.line('passwd', 'anna')).toBeUndefined();
    const made = await seen();
    expect(made).toMatchObject({ found: true, list: ['NoCloud'], hostname: 'sign-17', timezone: 'Europe/Zurich' });
    expect(made).toMatchObject({ network: null, networking: null, deletesKeys: false });
    expect(made.instance).toMatch(/^dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N-1-[0-9a-f]{12}$/);
    expect(Object.keys(made.users)).toEqual(['anna', 'bert']);
    expect(made.users['anna']).toMatchObject({
      ...{ hashed_passwd: passwordHash, lock_passwd: false, shell: '/bin/bash' },
      ...{ sudo: 'ALL=(ALL) NOPASSWD:ALL', ssh_authorized_keys: [key] },
    });
    expect(String(made.users['anna']?.['groups']).split(',').sort()).toEqual(['adm', 'video']);
    expect(made.users['bert']).toMatchObject({ lock_passwd: true, shell: '/bin/sh' });
    expect(await judge('cloud-init', ['schema', '--config-file', lab.at(`${seed}/user-data`)])).toMatchObject({
      code: 0,
      text: expect.stringContaining('Valid') as string,
    });
    expect((await judge('stat', ['-c', '%a %u', lab.at(seed), lab.at(`${seed}/user-data`)])).text).toBe(
      '700 0\n600 0\n',
    );
  });

  it("has the image's first user under another name, with its groups, where one takes over", async () => {
    lab = await open();
    await lab.boot({
      authorizedKeys: [key],
      users: [{ name: 'anna', passwordHash, sudo: true, takesOver: true }, { name: 'bert' }],
    });
    const { users, first } = await seen();
    expect(first).toBe('anna');
    expect(Object.keys(users).sort()).toEqual(['anna', 'bert']);
    expect(users['anna']).toMatchObject({ hashed_passwd: passwordHash, lock_passwd: false });
    expect(String(users['anna']?.['groups'])).toContain('sudo');
    expect(await judge('cloud-init', ['schema', '--config-file', lab.at(`${seed}/user-data`)])).toMatchObject({
      code: 0,
    });
  });

  it('gets documents word for word', async () => {
    lab = await open();
    const userData = '#cloud-config\n# mine: ö\npackages: [htop]\nusers:\n  - default\n';
    const networkConfig = 'version: 2\nethernets: { eth0: { dhcp4: true, critical: true } }\n';
    await lab.boot({ userData, networkConfig, metaData: { 'instance-id': 'mine' } }, 'nbd');
    const made = await seen();
    expect(made).toMatchObject({ found: true, instance: 'mine', hostname: 'herd-7', userdata: userData });
    expect(made.network).toEqual({ version: 2, ethernets: { eth0: { dhcp4: true, critical: true } } });
    expect(made.networking).toBeNull();
  });

  it.each(['stream', 'nbd', 'nfs'])('leaves the network alone where the root comes over it: %s', async (mode) => {
    lab = await open();
    await lab.boot({ hostname: 'a' }, mode);
    expect(await seen()).toMatchObject({ found: true, networking: { config: 'disabled' } });
  });

  it('leaves the network alone where these settings say what it is', async () => {
    lab = await open({ 'usr/sbin/NetworkManager': '' });
    await mkdir(join(lab.board.dir, 'sys/class/net/wlan0/wireless'), { recursive: true });
    await lab.boot({ wlan: { ssid: 'open' } });
    expect(await seen()).toMatchObject({ found: true, networking: { config: 'disabled' } });
    expect(await isThere('etc/NetworkManager/system-connections/drover-wifi-1.nmconnection')).toBe(true);
  });

  it('starts it: the generator that decides is content', async () => {
    lab = await open();
    await lab.boot({ hostname: 'a' });
    for (const folder of ['run', 'proc', 'sys']) await mkdir(lab.at(folder), { recursive: true });
    for (const [name, text] of [
      ['proc/cmdline', 'root=/dev/ram\n'],
      ['proc/uptime', '1.0 1.0\n'],
      ['proc/1/environ', ''],
    ] as const) {
      await mkdir(join(lab.at(name), '..'), { recursive: true });
      await writeFile(lab.at(name), text);
    }
    await judge('env', [
      `PATH_ROOT=${lab.board.root}`,
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      '/usr/lib/cloud-init/ds-identify',
      '--force',
    ]);
    expect(await readFile(lab.at('run/cloud-init/cloud.cfg'), 'utf8')).toMatch(
      /datasource_list: \[ NoCloud(, None)? \]/,
    );
  });

  it.each([
    ['is switched off', { 'etc/cloud/cloud-init.disabled': '' }, 'nothing'],
    ['is masked', { 'etc/systemd/system/cloud-init.service': '-> /dev/null' }, 'nothing'],
    ['is not there but for its settings', {}, 'usr/bin/cloud-init'],
    ['has no unit', {}, 'lib/systemd/system/cloud-init.service'],
  ])('that %s is dealt with like one without', async (_, files, gone) => {
    lab = await open(files);
    await rm(lab.at(gone), { force: true });
    expect(await lab.boot({ timezone: 'Europe/Zurich' })).toContain('first boot: time zone Europe/Zurich');
    expect(await isThere(seed)).toBe(false);
    expect(await isThere(drop)).toBe(false);
  });

  it('on a root that stays is given what is new, and nothing any more once it was taken away', async () => {
    lab = await open();
    await lab.boot({ hostname: 'a' }, 'nbd');
    const first = await seen();
    await lab.boot({ hostname: 'a' }, 'nbd');
    expect((await seen()).instance).toBe(first.instance);
    await lab.boot({ hostname: 'b' }, 'nbd');
    expect((await seen()).instance).not.toBe(first.instance);
    await lab.boot(undefined, 'nbd');
    expect([await isThere(seed), await isThere(drop)]).toEqual([false, false]);
  });

  it('has its seed made anew where somebody put a link in its place', async () => {
    lab = await open();
    await mkdir(lab.at('elsewhere'));
    await mkdir(lab.at('var/lib/cloud/seed'), { recursive: true });
    await symlink('/elsewhere', lab.at(seed));
    await lab.boot({ hostname: 'a' });
    expect((await judge('ls', ['-A', lab.at('elsewhere')])).text).toBe('');
    expect(await seen()).toMatchObject({ found: true });
  });
});
