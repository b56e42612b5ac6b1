import { execFile } from 'node:child_process';
import { lstat, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, type BoardShell } from './initramfs-shell.js';

const execute = promisify(execFile);

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(() => board.dispose());

const read = (name: string): Promise<string> => readFile(join(board.root, name), 'utf8');
const target = (name: string): Promise<string | undefined> => readlink(join(board.root, name)).catch(() => undefined);
const isMasked = async (unit: string): Promise<boolean> => (await target(`etc/systemd/system/${unit}`)) === '/dev/null';

const state = {
  mode: 'ram',
  hostname: 'herd-7',
  interface: 'eth0',
  mac: 'dc:a6:32:01:36:c2',
  dns: '10.0.0.1,10.0.0.2',
};

/** Runs `prepare` on the tree as the initramfs does, and returns its summary. */
async function prepare(init = '/sbin/init', values: Partial<typeof state> = {}): Promise<string> {
  const lines = Object.entries({ ...state, ...values }).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(join(board.run, 'state'), lines.join(''));
  const done = await board.exec(join(board.device, 'lib/prepare'), [init], {
    PREPARE_ROOT: board.root,
    PREPARE_RUN: board.run,
    PREPARE_LIB: join(board.device, 'lib'),
  });
  expect(done).toMatchObject({ code: 0, stderr: '' });
  return (await readFile(join(board.run, 'prepared'), 'utf8')).trim();
}

const systemd = {
  'sbin/init': '-> ../lib/systemd/systemd',
  'lib/systemd/systemd': '',
  'etc/hostname': 'raspberrypi\n',
  'etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n',
};

describe('fstab', () => {
  const keep = [
    'proc /proc proc defaults 0 0',
    '# a comment about /dev/mmcblk0p2',
    '',
    'tmpfs /tmp tmpfs size=64m 0 0',
    '10.0.0.5:/export /srv/nfs nfs vers=4 0 0',
    '//nas/share /srv/share cifs guest 0 0',
    '/dev/zram0 none swap defaults 0 0',
    '/srv/a /srv/b none bind 0 0',
    '/dev/sda1 /media/usb ext4 defaults,nofail 0 2',
    'UUID=1234-ABCD /media/stick vfat noauto,user 0 0',
    '/dev/disk/by-id/drover-data /srv/data ext4 defaults 0 2',
    'server:/boot /boot nfs defaults 0 0',
  ];
  const gone = [
    'PARTUUID=00000a7f-01  /boot/firmware  vfat    defaults          0       2',
    'PARTUUID=00000a7f-02  /  ext4  defaults,noatime  0  1',
    'LABEL=writable / ext4 x-systemd.growfs 0 1',
    'UUID=11-22 /data ext4 defaults 0 2',
    '/dev/mmcblk0p1 /boot vfat defaults,nofail 0 2',
    '/dev/disk/by-partlabel/data /data2 ext4 defaults 0 2',
    '/dev/nvme0n1p1 /fast ext4 defaults 0 2',
    '/dev/nfs / nfs defaults 0 0',
    '/swapfile none swap sw 0 0',
    '/dev/sda2 none swap sw 0 0',
    'UUID=9 swap swap sw 0 0',
  ];

  test('loses what names absent disks, keeps what comes from the network and memory', async () => {
    await board.tree({ ...systemd, 'etc/fstab': [...keep, ...gone].map((line) => `${line}\n`).join('') });
    await execute('chmod', ['640', join(board.root, 'etc/fstab')]);
    expect(await prepare()).toContain(`${gone.length} mounts changed`);
    const lines = (await read('etc/fstab')).split('\n');
    expect(lines.slice(0, keep.length)).toEqual(keep);
    expect(lines.slice(keep.length, -1)).toEqual(gone.map((line) => `# drover: not on this board: ${line}`));
    expect((await stat(join(board.root, 'etc/fstab'))).mode & 0o777).toBe(0o640);
  });

  test('and crypttab likewise', async () => {
    await board.tree({
      ...systemd,
      'etc/crypttab': 'data UUID=11 none luks\nfile /srv/c.img /key luks\nusb /dev/sda1 none luks,nofail\n',
    });
    expect(await prepare()).toContain('1 mounts changed');
    expect(await read('etc/crypttab')).toBe(
      '# drover: not on this board: data UUID=11 none luks\nfile /srv/c.img /key luks\nusb /dev/sda1 none luks,nofail\n',
    );
  });

  test('may be absent', async () => {
    await board.tree(systemd);
    expect(await prepare()).toContain('0 mounts changed');
  });
});

describe('systemd units', () => {
  test('that wait for a card, grow it, or ask a person are masked where they exist, and no others', async () => {
    await board.tree({
      ...systemd,
      'usr/lib/systemd/system/dphys-swapfile.service': '',
      'usr/lib/systemd/system/systemd-growfs@.service': '',
      'lib/systemd/system/rpi-resize.service': '',
      'etc/init.d/resize2fs_once': '#!/bin/sh\n',
      'etc/systemd/system/userconfig.service': '[Service]\nExecStart=/bin/wait\n',
      'etc/systemd/system/regenerate_ssh_host_keys.service': '',
      'usr/lib/systemd/system/sshswitch.service': '',
      'usr/lib/systemd/system/systemd-zram-setup@.service': '',
      'usr/lib/systemd/system/cloud-init.service': '',
    });
    const said = await prepare();
    for (const unit of [
      'dphys-swapfile.service',
      'systemd-growfs@.service',
      'rpi-resize.service',
      'resize2fs_once.service',
      'userconfig.service',
      'regenerate_ssh_host_keys.service',
    ]) {
      expect(await isMasked(unit), unit).toBe(true);
      expect(said).toContain(` ${unit}`);
    }
    for (const unit of [
      'sshswitch.service',
      'systemd-zram-setup@.service',
      'cloud-init.service',
      'systemd-repart.service',
    ])
      expect(await isMasked(unit), unit).toBe(false);
  });

  test('that grow a card or make swap on it are masked also where the root is a disk of its own', async () => {
    await board.tree({
      ...systemd,
      'lib/systemd/system/rpi-resize.service': '',
      'usr/lib/systemd/system/systemd-growfs-root.service': '',
      'usr/lib/systemd/system/dphys-swapfile.service': '',
      'usr/lib/systemd/system/systemd-growfs@.service': '',
      'etc/init.d/resize2fs_once': '#!/bin/sh\n',
    });
    await prepare('/sbin/init', { mode: 'nbd' });
    const masked = ['rpi-resize', 'systemd-growfs-root', 'dphys-swapfile', 'resize2fs_once', 'systemd-growfs@'];
    expect(await Promise.all(masked.map((name) => isMasked(`${name}.service`)))).toEqual([
      ...[true, true, true, true],
      false,
    ]);
  });

  test('of any name that require a disk, mount one, or swap to a file', async () => {
    const device = 'dev-disk-by\\x2dpartuuid-00000a7f\\x2d02.device';
    await board.tree({
      ...systemd,
      'etc/systemd/system/grow-it.service': `[Unit]\nRequires=${device}\nAfter=${device}\n`,
      'etc/systemd/system/only-after.service': `[Unit]\nAfter=${device}\n`,
      'etc/systemd/system/of-ours.service': '[Unit]\nRequires=dev-disk-by\\x2did-drover\\x2ddata.device\n',
      'etc/systemd/system/srv-data.mount': '[Mount]\nWhat=/dev/disk/by-uuid/11\nWhere=/srv/data\n',
      'etc/systemd/system/srv-nfs.mount': '[Mount]\nWhat=10.0.0.5:/a\nWhere=/srv/nfs\n',
      'etc/systemd/system/var-swap.swap': '[Swap]\nWhat=/var/swap\n',
      'etc/systemd/system/dev-zram0.swap': '[Swap]\nWhat=/dev/zram0\n',
    });
    await prepare();
    const masked: string[] = [];
    for (const name of await readdir(join(board.root, 'etc/systemd/system')))
      if (await isMasked(name)) masked.push(name);
    expect(masked.sort()).toEqual(['grow-it.service', 'srv-data.mount', 'var-swap.swap']);
  });

  test('of Raspberry Pi OS 13: swap stays in memory', async () => {
    await board.tree({ ...systemd, 'etc/rpi/swap.conf': '[Main]\n#Mechanism=auto\n' });
    await prepare();
    expect(await read('etc/rpi/swap.conf.d/90-drover.conf')).toContain('[Main]\nMechanism=zram\n');
  });
});

describe('the way up is started', () => {
  test('by systemd, from a unit in /run that the emergency shell does not end', async () => {
    await board.tree(systemd);
    expect(await prepare()).toContain('init is systemd');
    const unit = await read('run/systemd/system/drover-up.service');
    expect(unit).toContain('ExecStart=/run/drover/bin/busybox sh /run/drover/lib/up\n');
    expect(unit).toContain('IgnoreOnIsolate=yes');
    expect(await target('run/systemd/system/sysinit.target.wants/drover-up.service')).toBe('../drover-up.service');
    await execute('systemd-analyze', ['verify', join(board.root, 'run/systemd/system/drover-up.service')]).catch(
      (fault: { code?: unknown; stderr?: string }) => {
        // Not on every machine; and the program it starts is there only on a board.
        if (fault.code !== 'ENOENT') expect(fault.stderr).toMatch(/^(.*\/run\/drover\/bin\/busybox.*\n?)+$/);
      },
    );
  });

  test('by busybox init, after everything in its inittab', async () => {
    await board.tree({ 'sbin/init': '-> ../bin/busybox', 'bin/busybox': '', 'etc/inittab': '::sysinit:/etc/rcS' });
    expect(await prepare()).toContain('init is busybox');
    expect(await read('etc/inittab')).toBe(
      '::sysinit:/etc/rcS\n::once:/lib/drover/bin/busybox sh /lib/drover/lib/up\n',
    );
  });

  test('by busybox init without an inittab, which keeps its defaults', async () => {
    await board.tree({ 'sbin/init': '-> ../bin/busybox', 'bin/busybox': '' });
    await prepare();
    const text = await read('etc/inittab');
    expect(text).toMatch(/^::sysinit:\/etc\/init.d\/rcS\n/);
    expect(text).toMatch(/::once:.*\/up\n$/);
  });

  test('by sysvinit, in its runlevels; its links to first-boot scripts are gone', async () => {
    await board.tree({
      'sbin/init': 'ELF',
      'etc/inittab': 'id:2:initdefault:\nl2:2:wait:/etc/init.d/rc 2\n',
      'etc/init.d/resize2fs_once': '',
      'etc/rc3.d/S01resize2fs_once': '-> ../init.d/resize2fs_once',
      'etc/rc3.d/S02ssh': '-> ../init.d/ssh',
    });
    expect(await prepare()).toContain('init is sysvinit');
    expect(await read('etc/inittab')).toMatch(
      /\ndr:2345:once:\/lib\/drover\/bin\/busybox sh \/lib\/drover\/lib\/up\n$/,
    );
    expect(await readdir(join(board.root, 'etc/rc3.d'))).toEqual(['S02ssh']);
  });

  test('by OpenRC, in its default runlevel', async () => {
    await board.tree({ 'sbin/init': '-> ../bin/busybox', 'bin/busybox': '', 'sbin/openrc': '' });
    expect(await prepare()).toContain('init is openrc');
    expect(await target('etc/runlevels/default/drover-up')).toBe('/etc/init.d/drover-up');
    expect((await stat(join(board.root, 'etc/init.d/drover-up'))).mode & 0o777).toBe(0o755);
    expect((await board.exec('-n', [join(board.root, 'etc/init.d/drover-up')])).code).toBe(0);
  });

  test('by the initramfs where the init is of another kind', async () => {
    await board.tree({ 'sbin/init': '-> ../usr/bin/runit', 'usr/bin/runit': '' });
    expect(await prepare()).toContain('init is other');
    expect((await lstat(join(board.run, 'no-hook'))).isFile()).toBe(true);
  });
});

describe('who the board is', () => {
  test('comes from the archive, with private keys private and D-Bus of one mind', async () => {
    await board.tree({
      'etc/machine-id': 'image\n',
      'etc/ssh/ssh_host_rsa_key': 'old\n',
      'var/lib/dbus/machine-id': 'image\n',
    });
    const source = join(board.dir, 'identity');
    await mkdir(join(source, 'etc/ssh'), { recursive: true });
    await writeFile(join(source, 'etc/machine-id'), `${'a1'.repeat(16)}\n`);
    await writeFile(join(source, 'etc/ssh/ssh_host_ed25519_key'), 'key\n', { mode: 0o644 });
    await execute('tar', ['-C', source, '-cf', `${source}.tar`, 'etc/machine-id', 'etc/ssh/ssh_host_ed25519_key']);
    const { code } = await board.sh(`apply_identity ${source}.tar`, ['base', 'identity']);
    expect(code).toBe(0);
    expect(await read('etc/machine-id')).toBe(`${'a1'.repeat(16)}\n`);
    expect(await read('var/lib/dbus/machine-id')).toBe(`${'a1'.repeat(16)}\n`);
    expect((await stat(join(board.root, 'etc/ssh/ssh_host_ed25519_key'))).mode & 0o777).toBe(0o600);
  });

  test('an archive that is none is refused', async () => {
    await writeFile(join(board.dir, 'x.tar'), 'not a tar');
    expect((await board.sh(`apply_identity ${board.dir}/x.tar`, ['base', 'identity'])).code).not.toBe(0);
  });

  test('its name is known to itself, and a resolver file is filled when it is empty', async () => {
    await board.tree({ ...systemd, 'etc/resolv.conf': '' });
    await prepare();
    expect(await read('etc/hostname')).toBe('herd-7\n');
    expect(await read('etc/hosts')).toContain('127.0.1.1\therd-7\n');
    expect(await read('etc/resolv.conf')).toBe('nameserver 10.0.0.1\nnameserver 10.0.0.2\n');
  });

  test('a resolver file of the image stays', async () => {
    await board.tree({ ...systemd, 'etc/resolv.conf': '-> ../run/systemd/resolve/stub-resolv.conf' });
    await prepare();
    expect(await target('etc/resolv.conf')).toBe('../run/systemd/resolve/stub-resolv.conf');
  });
});

describe('a root on the network keeps its interface', () => {
  const managers = {
    'etc/systemd/network/10-wired.network': '[Match]\nName=e*\n',
    'usr/lib/systemd/network/80-ethernet.network': '[Match]\nType=ether\n',
    'etc/NetworkManager/NetworkManager.conf': '[main]\n',
    'etc/dhcpcd.conf': 'hostname\n',
    'etc/network/interfaces': 'auto eth0\niface eth0 inet dhcp\n',
  };

  test('whoever manages it', async () => {
    await board.tree(managers);
    await board.sh('keep_network eth0 dc:a6:32:01:36:c2', ['base', 'keep-network']);
    for (const name of ['10-wired', '80-ethernet'])
      expect(await read(`etc/systemd/network/${name}.network.d/90-drover.conf`)).toContain('KeepConfiguration=yes');
    expect(await read('etc/NetworkManager/conf.d/90-drover.conf')).toBe(
      '[keyfile]\nunmanaged-devices+=mac:dc:a6:32:01:36:c2\n',
    );
    expect(await read('etc/dhcpcd.conf')).toMatch(/^hostname\n[^]*\npersistent\n[^]*\ninterface eth0\nnolink\n$/);
    const defaults = await read('etc/default/networking');
    const { stdout } = await board.sh(`EXCLUDE_INTERFACES=wlan0\n${defaults}\necho "$EXCLUDE_INTERFACES"`, []);
    expect(stdout).toBe('eth0 wlan0\n');
  });

  test('and nothing is written for managers that are not there', async () => {
    await board.sh('keep_network eth0 dc:a6:32:01:36:c2', ['base', 'keep-network']);
    expect(await readdir(board.root)).toEqual([]);
  });

  test('a root in memory needs none of it', async () => {
    await board.tree({ ...systemd, ...managers });
    await prepare();
    expect(await read('etc/dhcpcd.conf')).toBe('hostname\n');
    expect(await readdir(join(board.root, 'etc/NetworkManager'))).toEqual(['NetworkManager.conf']);
  });
});
