import { execFileSync } from 'node:child_process';
import { appendFile, lstat, mkdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createFirstBootLab, everything, judge, sshKey, withShadow, type FirstBootLab } from './first-boot-lab.js';

let lab: FirstBootLab;
afterEach(() => lab.dispose());

const [one, two] = [sshKey('one@home'), sshKey('two "$(id)" `id`')] as const;
const hashOf = (password: string): string =>
  execFileSync('openssl', ['passwd', '-6', '-salt', 'saltsalt', password]).toString().trim();

/** What the makers of passwd and group think of them. */
const isInOrder = async (): Promise<void> => {
  expect(await judge('pwck', ['-q', '-r', '-R', lab.board.root])).toEqual({ code: 0, text: '' });
  expect(await judge('grpck', ['-r', '-R', lab.board.root])).toEqual({ code: 0, text: '' });
};
const owner = async (name: string): Promise<string> => {
  const { uid, gid, mode } = await lstat(lab.at(name));
  return `${uid}:${gid} ${(mode & 0o7777).toString(8)}`;
};
const isThere = async (name: string): Promise<boolean> => (await judge('ls', ['-d', lab.at(name)])).code === 0;
const memberOf = async (user: string): Promise<string[]> =>
  (await lab.read('etc/group'))
    .split('\n')
    .flatMap((line) => (line.split(':')[3]?.split(',').includes(user) === true ? [line.split(':')[0]!] : []))
    .sort();
describe('a user on an image without cloud-init', () => {
  it('is made with password, keys, groups, home and sudo, as the programs that read them want it', async () => {
    lab = await withShadow(await createFirstBootLab());
    const users = [
      {
        name: 'anna',
        passwordHash: hashOf('correct horse'),
        authorizedKeys: [one, two],
        sudo: true,
        groups: ['video', 'nowhere'],
      },
      { name: 'bert', shell: '/bin/sh' },
    ];
    const said = await lab.boot({ users });
    expect(said).toContain('first boot: no group nowhere in this image, user anna, user bert');
    await isInOrder();
    expect(await lab.line('passwd', 'anna')).toBe('anna:x:1000:1000::/home/anna:/bin/bash');
    expect(await lab.line('passwd', 'bert')).toBe('bert:x:1001:1001::/home/bert:/bin/sh');
    expect(await lab.line('group', 'anna')).toBe('anna:x:1000:');
    expect(await memberOf('anna')).toEqual(['video']);
    expect(await lab.line('gshadow', 'video')).toBe('video:*::anna');
    const [, hash = ''] = (await lab.line('shadow', 'anna'))!.split(':');
    expect(hash).toBe(hashOf('correct horse'));
    expect((await lab.line('shadow', 'bert'))!.split(':')[1]).toBe('*');
    expect([await owner('home/anna'), await owner('home/anna/.profile')]).toEqual(['1000:1000 700', '1000:1000 644']);
    expect(await owner('home/anna/.ssh')).toBe('1000:1000 700');
    expect(await owner('home/anna/.ssh/authorized_keys')).toBe('1000:1000 600');
    expect(await lab.read('home/anna/.ssh/authorized_keys')).toBe(`${one}\n${two}\n`);
    expect(
      (await judge('ssh-keygen', ['-lf', lab.at('home/anna/.ssh/authorized_keys')])).text.match(/ED25519/g),
    ).toHaveLength(2);
    expect(await isThere('home/bert/.ssh')).toBe(false);
    expect(await owner('etc/sudoers.d/90-drover-first-boot')).toBe('0:0 440');
    expect(await judge('visudo', ['-c', '-f', lab.at('etc/sudoers.d/90-drover-first-boot')])).toMatchObject({
      code: 0,
    });
    expect(await lab.read('etc/sudoers.d/90-drover-first-boot')).toBe('anna ALL=(ALL) NOPASSWD:ALL\n');
  });

  it('that is there keeps its numbers and what it has besides', async () => {
    lab = await withShadow(
      await createFirstBootLab({
        'etc/passwd': '+kiosk:x:2000:100:Kiosk:/srv/kiosk:/bin/sh\n',
        'srv/kiosk/.ssh/authorized_keys': two,
      }),
    );
    await lab.boot({ users: [{ name: 'kiosk', passwordHash: hashOf('a'), authorizedKeys: [one], groups: ['video'] }] });
    expect(await lab.line('passwd', 'kiosk')).toBe('kiosk:x:2000:100:Kiosk:/srv/kiosk:/bin/sh');
    expect((await lab.line('shadow', 'kiosk'))!.split(':')[1]).toBe(hashOf('a'));
    expect(await lab.read('srv/kiosk/.ssh/authorized_keys')).toBe(`${two}\n${one}\n`);
    expect(await owner('srv/kiosk/.ssh/authorized_keys')).toBe('2000:100 600');
    expect(await memberOf('kiosk')).toEqual(['video']);
  });

  it('is made where an image has neither shadow, sudo nor bash', async () => {
    lab = await createFirstBootLab({ 'usr/bin/sudo': '', 'etc/gshadow': '' });
    await rm(lab.at('usr/bin/sudo'));
    await rm(lab.at('bin/bash'));
    await rm(lab.at('etc/skel'), { recursive: true });
    const said = await lab.boot({
      users: [{ name: 'anna', passwordHash: hashOf('a'), sudo: true, shell: '/bin/zsh' }],
    });
    expect(said).toContain('no /bin/zsh in this image');
    expect(said).toContain('no sudo in this image');
    expect(await lab.line('passwd', 'anna')).toBe(`anna:${hashOf('a')}:1000:1000::/home/anna:/bin/sh`);
    expect(await isThere('etc/sudoers.d')).toBe(false);
  });

  it('takes numbers that are free, and a group of its name that is there', async () => {
    lab = await withShadow(
      await createFirstBootLab({
        'etc/passwd': '+x:x:1000:1000::/home/x:/bin/sh\nnolineend:x:1002:1002::/:/bin/sh',
        'etc/group': '+y:x:1001:\nz:x:4000:\n',
      }),
    );
    await lab.boot({ users: [{ name: 'anna' }, { name: 'z' }] });
    expect(await lab.line('passwd', 'anna')).toBe('anna:x:1001:1000::/home/anna:/bin/bash');
    expect(await lab.line('passwd', 'z')).toBe('z:x:1003:4000::/home/z:/bin/bash');
    expect((await judge('pwck', ['-q', '-r', '-R', lab.board.root])).text).not.toContain('duplicate');
    expect((await judge('grpck', ['-r', '-R', lab.board.root])).text).not.toContain('duplicate');
  });
});

describe("the image's own first user", () => {
  const vendor = {
    'etc/passwd': '+pi:x:1000:1000:,,,:/home/pi:/bin/bash\npi-x:x:900:100::/:/bin/sh\n',
    'etc/group': '+pi:x:1000:\ngpio:x:997:pi\nspi:x:996:pi,mail,pi-x\n',
    'etc/subuid': 'pi:100000:65536\n',
    'etc/sudoers.d/010_pi-nopasswd': 'pi ALL=(ALL) NOPASSWD: ALL\n',
    'etc/ssh/sshd_config.d/rename_user.conf': 'Banner /usr/share/userconf-pi/sshd_banner\n',
    'etc/systemd/system/getty@tty1.service.d/autologin.conf':
      '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin pi --noclear %I $TERM\n',
    'home/pi/.bashrc': '# of the image\n',
  };

  it('becomes the user of a custom.toml, as the vendor does it', async () => {
    lab = await withShadow(await createFirstBootLab(vendor));
    execFileSync('sed', ['-i', `s|^pi:[^:]*:|pi:${hashOf('raspberry')}:|`, lab.at('etc/shadow')]);
    execFileSync('chown', ['-R', '1000:1000', lab.at('home/pi')]);
    const wanted = {
      users: [{ name: 'anna', passwordHash: hashOf('b'), sudo: true, takesOver: true }],
      authorizedKeys: [one],
    };
    expect(await lab.boot(wanted)).toContain('user pi is anna');
    await isInOrder();
    expect(await lab.line('passwd', 'anna')).toBe('anna:x:1000:1000:,,,:/home/anna:/bin/bash');
    expect(await lab.line('passwd', 'pi')).toBeUndefined();
    expect(await lab.line('shadow', 'pi')).toBeUndefined();
    expect((await lab.line('shadow', 'anna'))!.split(':')[1]).toBe(hashOf('b'));
    expect(await lab.line('group', 'anna')).toBe('anna:x:1000:');
    expect(await lab.line('group', 'spi')).toBe('spi:x:996:anna,mail,pi-x');
    expect(await memberOf('anna')).toEqual(['gpio', 'spi']);
    expect(await lab.read('home/anna/.bashrc')).toBe('# of the image\n');
    expect(await isThere('home/pi')).toBe(false);
    expect(await lab.read('home/anna/.ssh/authorized_keys')).toBe(`${one}\n`);
    expect(await lab.read('etc/subuid')).toBe('anna:100000:65536\n');
    expect(await lab.read('etc/sudoers.d/010_pi-nopasswd')).toBe('anna ALL=(ALL) NOPASSWD: ALL\n');
    expect(await lab.read('etc/systemd/system/getty@tty1.service.d/autologin.conf')).toContain(
      '--autologin anna --noclear',
    );
    expect(await isThere('etc/ssh/sshd_config.d/rename_user.conf')).toBe(false);
  });

  it('has no password any more where none is given', async () => {
    lab = await withShadow(await createFirstBootLab(vendor));
    execFileSync('sed', ['-i', `s|^pi:[^:]*:|pi:${hashOf('raspberry')}:|`, lab.at('etc/shadow')]);
    await lab.boot({ users: [{ name: 'anna', takesOver: true }] });
    expect((await lab.line('shadow', 'anna'))!.split(':')[1]).toBe('*');
  });

  it('stays where others are beside it, or the wanted one is there; and where there is none, one is made like it', async () => {
    lab = await withShadow(
      await createFirstBootLab({
        ...vendor,
        'etc/passwd': `${vendor['etc/passwd']}eve:x:1001:1001::/home/eve:/bin/sh\n`,
      }),
    );
    await lab.boot({ users: [{ name: 'anna', takesOver: true }] });
    expect(await lab.line('passwd', 'pi')).toBe('pi:x:1000:1000:,,,:/home/pi:/bin/bash');
    expect(await lab.line('passwd', 'anna')).toContain('anna:x:1002:');
    await lab.dispose();

    lab = await withShadow(await createFirstBootLab(vendor));
    await lab.boot({ users: [{ name: 'pi', passwordHash: hashOf('c'), takesOver: true }] });
    expect(await lab.line('passwd', 'pi')).toBe('pi:x:1000:1000:,,,:/home/pi:/bin/bash');
    await lab.dispose();

    lab = await withShadow(await createFirstBootLab());
    const said = await lab.boot({ users: [{ name: 'anna', takesOver: true }] });
    expect(await memberOf('anna')).toEqual([
      'adm',
      'audio',
      'cdrom',
      'dialout',
      'games',
      'plugdev',
      'sudo',
      'users',
      'video',
    ]);
    expect(said).not.toContain('no group');
  });

  it('gets the keys that are for it', async () => {
    lab = await withShadow(await createFirstBootLab(vendor));
    await lab.boot({ authorizedKeys: [one] });
    expect(await lab.read('home/pi/.ssh/authorized_keys')).toBe(`${one}\n`);
    await lab.dispose();
    lab = await createFirstBootLab();
    expect(await lab.boot({ authorizedKeys: [one] })).toContain('no first user in this image for the keys');
  });
});

describe('a system without cloud-init', () => {
  it('has the host name, time zone, keyboard and locale', async () => {
    lab = await createFirstBootLab({
      'etc/default/keyboard': 'XKBMODEL="pc104"\nXKBLAYOUT="gb"\nXKBVARIANT="dvorak"\nBACKSPACE="guess"\n',
      'etc/default/locale': 'LANG=en_GB.UTF-8\nLC_TIME=C\n',
      'etc/localtime': '-> /usr/share/zoneinfo/Etc/UTC',
      'usr/lib/locale/locale-archive': 'en_GB.utf8\0de_CH.utf8\0',
    });
    await lab.boot({ hostname: 'sign-17', timezone: 'Europe/Zurich', keymap: 'ch', locale: 'de_CH.UTF-8' });
    expect(await lab.read('etc/hostname')).toBe('sign-17\n');
    expect(await lab.read('etc/hosts')).toContain('127.0.1.1\tsign-17\n');
    expect(await readlink(lab.at('etc/localtime'))).toBe('/usr/share/zoneinfo/Europe/Zurich');
    expect(await lab.read('etc/timezone')).toBe('Europe/Zurich\n');
    const keyboard = `. '${lab.at('etc/default/keyboard')}'; echo $XKBMODEL,$XKBLAYOUT,$XKBVARIANT,$BACKSPACE`;
    expect((await judge('sh', ['-c', keyboard])).text).toBe('pc104,ch,,guess\n');
    expect(await lab.read('etc/default/locale')).toBe('LC_TIME=C\nLANG=de_CH.UTF-8\n');
  });

  it('is told what its image has not, and keeps what it had', async () => {
    lab = await createFirstBootLab({ 'etc/default/locale': 'LANG=C\n', 'etc/timezone': 'Etc/UTC\n' });
    const said = await lab.boot({ timezone: 'Mars/Olympus', locale: 'de_CH.UTF-8', keymap: 'us' });
    expect(said).toContain('no time zone Mars/Olympus in this image, no locale de_CH.UTF-8 in this image, keyboard us');
    expect(await lab.read('etc/timezone')).toBe('Etc/UTC\n');
    expect(await lab.read('etc/default/locale')).toBe('LANG=C\n');
    expect(await lab.read('etc/default/keyboard')).toBe('XKBMODEL="pc105"\nXKBLAYOUT="us"\nXKBVARIANT=""\n');
  });

  /** What sshd itself makes of its settings. */
  const sshd = async (): Promise<string> => {
    const key = join(lab.board.dir, 'host_key');
    await rm(key, { force: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const bound = [
      '--ro-bind',
      '/',
      '/',
      '--dev',
      '/dev',
      '--tmpfs',
      '/run',
      '--dir',
      '/run/sshd',
      '--bind',
      lab.at('etc/ssh'),
      '/etc/ssh',
    ];
    const { text } = await judge('bwrap', [...bound, '/usr/sbin/sshd', '-T', '-h', key]);
    return (/^passwordauthentication .*$/m.exec(text) ?? [text])[0];
  };

  it('takes passwords over SSH or not, and starts its server', async () => {
    lab = await createFirstBootLab();
    await lab.boot({ sshPasswordAuthentication: false, sshEnabled: true });
    expect(await sshd()).toBe('passwordauthentication no');
    const wanted = 'etc/systemd/system/multi-user.target.wants/ssh.service';
    expect(await readlink(lab.at(wanted))).toBe('/lib/systemd/system/ssh.service');
    await lab.boot({ sshPasswordAuthentication: true });
    expect(await sshd()).toBe('passwordauthentication yes');
    await lab.dispose();
    // Before there were drop-ins.
    lab = await createFirstBootLab({
      'etc/ssh/sshd_config': 'PasswordAuthentication yes\nMatch User x\n  X11Forwarding no\n',
    });
    for (let again = 0; again < 2; again += 1) await lab.boot({ sshPasswordAuthentication: false, timezone: 'UTC' });
    expect((await lab.read('etc/ssh/sshd_config')).match(/# drover/g)).toHaveLength(2);
    expect(await sshd()).toBe('passwordauthentication no');
  });

  it('gets the Wi-Fi network, unless its root comes over the network', async () => {
    const wlan = { ssid: 'Büro', psk: '0a'.repeat(32), hidden: true, country: 'CH' };
    const profile = 'etc/NetworkManager/system-connections/drover-wifi-1.nmconnection';
    lab = await createFirstBootLab({ 'usr/sbin/NetworkManager': '' });
    await mkdir(join(lab.board.dir, 'sys/class/net/wlan0/wireless'), { recursive: true });
    await lab.boot({ wlan }, 'stream');
    expect(await isThere(profile)).toBe(false);
    expect(await lab.boot({ wlan })).toContain('network by NetworkManager');
    const text = await lab.read(profile);
    expect(text).toContain('\nssid=66;195;188;114;111;\n');
    expect(text).toContain(`\npsk=${'0a'.repeat(32)}\n`);
    expect(text).toContain('\nhidden=true\n');
    expect(await owner(profile)).toBe('0:0 600');
  });
});

describe('settings on a root that stays', () => {
  it.each(['nbd', 'nfs'])('are applied once, and anew when they change: %s', async (mode) => {
    lab = await withShadow(await createFirstBootLab());
    const users = [{ name: 'anna', passwordHash: hashOf('a'), authorizedKeys: [one, two], sudo: true }];
    const before = { users, timezone: 'Europe/Zurich', sshPasswordAuthentication: false };
    await lab.boot(before, mode);
    execFileSync('sed', ['-i', 's|^anna:[^:]*:|anna:changed-by-anna:|', lab.at('etc/shadow')]);
    await appendFile(lab.at('home/anna/.ssh/authorized_keys'), `${sshKey('of anna')}\n`);
    const kept = everything(lab);
    expect(await lab.boot(before, mode)).toContain('first boot: as before');
    expect(everything(lab)).toBe(kept);

    await lab.boot({ users: [{ name: 'anna', authorizedKeys: [two] }] }, mode);
    expect(await lab.read('home/anna/.ssh/authorized_keys')).toBe(`${sshKey('of anna')}\n${two}\n`);
    expect((await lab.line('shadow', 'anna'))!.split(':')[1]).toBe('changed-by-anna');
    expect(await isThere('etc/sudoers.d/90-drover-first-boot')).toBe(false);
    expect(await isThere('etc/ssh/sshd_config.d/00-drover-first-boot.conf')).toBe(false);
    await isInOrder();
  });

  it('that are taken away open no door any more', async () => {
    lab = await withShadow(await createFirstBootLab());
    await lab.boot({ users: [{ name: 'anna', authorizedKeys: [one], sudo: true }] }, 'nbd');
    expect(await lab.boot(undefined, 'nbd')).toContain('first-boot settings taken back');
    expect(await lab.read('home/anna/.ssh/authorized_keys')).toBe('');
    expect(await isThere('etc/sudoers.d/90-drover-first-boot')).toBe(false);
    expect(await lab.line('passwd', 'anna')).toBeDefined();
    expect(await lab.boot(undefined, 'nbd')).not.toContain('first-boot');
  });
});

describe('a root without room', () => {
  it.each(['passwd', 'shadow', 'group', 'gshadow'])(
    'keeps its %s whole, and gets the settings at a later boot',
    async (table) => {
      lab = await withShadow(await createFirstBootLab());
      const wanted = { users: [{ name: 'anna', passwordHash: hashOf('a'), groups: ['video'], sudo: true }] };
      // What is written beside it cannot be.
      await mkdir(lab.at(`etc/${table}.drover-new`));
      const before = await lab.read(`etc/${table}`);
      expect(await lab.boot(wanted, 'nbd')).toContain(`/etc/${table} cannot be written`);
      expect(await lab.read(`etc/${table}`)).toBe(before);
      await rm(lab.at(`etc/${table}.drover-new`), { recursive: true });
      expect(await lab.boot(wanted, 'nbd')).toContain('first boot: user anna');
      await isInOrder();
      expect(await lab.line('passwd', 'anna')).toBe('anna:x:1000:1000::/home/anna:/bin/bash');
      expect((await lab.line('shadow', 'anna'))!.split(':')[1]).toBe(hashOf('a'));
      expect(await memberOf('anna')).toEqual(['video']);
      expect(await lab.boot(wanted, 'nbd')).toContain('as before');
    },
  );
});
