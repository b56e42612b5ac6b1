import { chmod, chown, cp, link, lutimes, mkdir, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { installModules, type KernelFiles } from './kernel.js';
import { run } from './run.js';

/**
 * Modules a network or card boot may want (ext4 finds crc32c_generic by a soft dependency only). The rest of Debian’s 4,000
 * would only make the image slow to build and to fetch.
 */
export const bootModules = [
  ...['overlay', 'squashfs', 'loop', 'nbd', 'nfs', 'nfsv3', 'nfsv4', 'crc32c_generic', 'ext4', 'vfat', 'fuse'],
  ...['nls_ascii', 'nls_cp437', 'nls_utf8', 'nls_iso8859-1'],
  ...['virtio_net', 'virtio_blk', 'virtio_pci', 'virtio_mmio', 'virtio-rng'],
  ...['usb-common', 'usbcore', 'roles', 'udc-core', 'dwc2', 'phy-generic', 'mii', 'usbnet', 'cdc_ether'],
  ...['smsc95xx', 'lan78xx', 'microchip', 'genet', 'broadcom', '8021q'],
  ...['bcm2835', 'sdhci-iproc', 'bcm2835_wdt', 'i6300esb', 'bcm2835-rng', 'iproc-rng200'],
];

const inittab = `::sysinit:/etc/init.d/rcS
::respawn:-/bin/sh
::ctrlaltdel:/sbin/reboot
::shutdown:/etc/init.d/rcK
`;

const startScript = `#!/bin/sh
# Brings the fast image up: kernel file systems, host name, an address unless there is one, then /etc/init.d/S??*.
export PATH=/usr/sbin:/usr/bin
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts 2>/dev/null
mountpoint -q /run || mount -t tmpfs -o mode=755 run /run
hostname -F /etc/hostname
ip link set lo up
if ! ip -4 addr show scope global | grep -q inet; then
  modprobe -q virtio_net
  for card in /sys/class/net/*; do
    case \${card##*/} in lo) ;; *) ip link set "\${card##*/}" up && udhcpc -b -q -i "\${card##*/}" >/dev/null 2>&1 ;; esac
  done
fi
for script in /etc/init.d/S??*; do
  [ -x "$script" ] && "$script" start
done
echo "fast image is up: $(hostname) on $(uname -r)"
`;

const stopScript = `#!/bin/sh
for script in $(ls -r /etc/init.d/S??* 2>/dev/null); do
  [ -x "$script" ] && "$script" stop
done
sync
umount -a -r 2>/dev/null
`;

const dhcpScript = `#!/bin/sh
# Called by udhcpc.
case $1 in
  bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/$mask" dev "$interface"
    for gateway in $router; do ip route replace default via "$gateway" dev "$interface"; done
    for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
    ;;
esac
`;

/** Text files of the root by absolute path. */
function textFiles(diskId: string): Record<string, string> {
  return {
    '/etc/inittab': inittab,
    '/etc/hostname': 'fastpi\n',
    '/etc/hosts': '127.0.0.1 localhost\n127.0.1.1 fastpi\n',
    '/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000:pi:/home/pi:/bin/sh\n',
    '/etc/group': 'root:x:0:\npi:x:1000:\n',
    '/etc/shadow': 'root:*:19700:0:99999:7:::\npi:*:19700:0:99999:7:::\n',
    '/etc/machine-id': '',
    '/etc/fstab':
      `proc /proc proc defaults 0 0\nPARTUUID=${diskId}-01 /boot/firmware vfat defaults 0 2\n` +
      `PARTUUID=${diskId}-02 / ext4 defaults,noatime 0 1\n`,
    '/etc/os-release':
      'ID=drover-lab\nID_LIKE=debian\nPRETTY_NAME="Fast lab image"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
    '/home/pi/notes.txt': 'owned by pi\n',
  };
}

const scripts: Readonly<Record<string, string>> = {
  '/etc/init.d/rcS': startScript,
  '/etc/init.d/rcK': stopScript,
  '/usr/share/udhcpc/default.script': dhcpScript,
};

async function makeSkeleton(root: string): Promise<void> {
  const dirs = ['boot/firmware', 'dev', 'etc/init.d', 'home/pi', 'proc', 'root', 'run', 'sys', 'tmp', 'var/log', 'mnt'];
  const usr = ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/share/udhcpc'];
  for (const dir of [...dirs, ...usr]) await mkdir(path.join(root, dir), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib']) await symlink(`usr/${name}`, path.join(root, name));
  await chmod(path.join(root, 'tmp'), 0o1777);
  await chmod(path.join(root, 'root'), 0o700);
  await symlink('../run', path.join(root, 'var/run'));
  await symlink('/proc/mounts', path.join(root, 'etc/mtab'));
  for (const [name, type, major, minor, mode] of [
    ['console', 'c', '5', '1', '600'],
    ['null', 'c', '1', '3', '666'],
    ['tty', 'c', '5', '0', '666'],
    ['ttyAMA0', 'c', '204', '64', '600'],
    ['mmcblk0', 'b', '179', '0', '660'],
  ] as const) {
    await run(['mknod', '-m', mode, path.join(root, 'dev', name), type, major, minor]);
  }
}

async function installBusybox(root: string, busybox: string): Promise<void> {
  await cp(busybox, path.join(root, 'usr/bin/busybox'));
  await chmod(path.join(root, 'usr/bin/busybox'), 0o755);
  // The machine's own busybox is the same Debian build for another processor; it knows the same applets.
  const { stdout } = await run(['busybox', '--list-full']);
  for (const applet of stdout.split('\n').filter((line) => line !== '')) {
    const at = path.join(root, applet.startsWith('usr/') ? applet : `usr/${applet}`);
    if (path.basename(at) !== 'busybox') await symlink('/usr/bin/busybox', at).catch(ignoreExisting);
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/**
 * What a copy of a root may lose and must not: links, holes, special files, owners, set-user-id, capabilities and other
 * extended attributes, long and non-ASCII names, a directory with an index, a link too long for the inode. All in `/srv/keep`.
 */
async function addDelicateFiles(root: string): Promise<void> {
  const keep = path.join(root, 'srv/keep');
  const at = (name: string): string => path.join(keep, name);
  await mkdir(at('many'), { recursive: true });
  await writeFile(at('first-name'), 'one file, two names\n');
  await link(at('first-name'), at('second-name'));
  await symlink('first-name', at('short-link'));
  await symlink(`/srv/keep/${'long/'.repeat(30)}target`, at('long-link'));
  await writeFile(at('holes'), 'begin');
  await truncate(at('holes'), 8 * 1024 * 1024);
  await writeFile(at('empty'), '');
  await writeFile(at('größe-東京.txt'), 'UTF-8 name\n');
  await writeFile(at('n'.repeat(255)), 'longest name\n');
  await run(['mkfifo', '-m', '640', at('fifo')]);
  await run(['mknod', '-m', '660', at('loop9'), 'b', '7', '9']);
  await cp(path.join(root, 'usr/bin/busybox'), at('capable'));
  await run(['setcap', 'cap_net_raw,cap_net_admin+ep', at('capable')]);
  await run(['setfattr', '-n', 'user.drover', '-v', 'kept', at('first-name')]);
  await writeFile(at('set-user-id'), '#!/bin/sh\n');
  await chmod(at('set-user-id'), 0o4755);
  for (let i = 0; i < 600; i++) await writeFile(at(`many/entry-${String(i).padStart(4, '0')}`), '');
  await chown(path.join(root, 'home/pi'), 1000, 1000);
  await chown(path.join(root, 'home/pi/notes.txt'), 1000, 1000);
  await utimes(at('empty'), 1_000_000_000, 1_000_000_000);
  await lutimes(at('short-link'), 1_000_000_000, 1_000_000_000);
}

/** Fills `root` with a busybox system (about 2 MB and its modules): init, a shell on the console, DHCP, `/etc/init.d/S??*` hooks. */
export async function makeFastRoot(
  root: string,
  parts: { busybox: string; kernel: KernelFiles; diskId: string },
): Promise<void> {
  await makeSkeleton(root);
  for (const [name, text] of Object.entries(textFiles(parts.diskId))) await writeFile(path.join(root, name), text);
  await chmod(path.join(root, 'etc/shadow'), 0o640);
  for (const [name, text] of Object.entries(scripts)) await writeFile(path.join(root, name), text, { mode: 0o755 });
  await installBusybox(root, parts.busybox);
  await installModules(parts.kernel, root, { names: [...bootModules, 'netconsole'] });
  await addDelicateFiles(root);
}
