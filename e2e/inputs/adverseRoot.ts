import { chmod, symlink } from 'node:fs/promises';
import path from 'node:path';
import { enableUnit, writeSystemFiles } from './systemRoot.js';

/** fstab with everything that is not there when the root came over the network: both partitions, a data partition, a swap file. */
const fstab = (diskId: string): string => `proc            /proc           proc    defaults          0       0
PARTUUID=${diskId}-01  /boot/firmware  vfat    defaults          0       2
PARTUUID=${diskId}-02  /               ext4    defaults,noatime,x-systemd.growfs  0       1
PARTUUID=${diskId}-03  /srv/data       ext4    defaults,noatime  0       2
/swapfile       none            swap    sw                0       0
`;

/** Escapes a PARTUUID's device path as systemd names its unit. */
const deviceUnit = (diskId: string, partition: string): string =>
  `dev-disk-by\\x2dpartuuid-${diskId}\\x2d${partition}.device`;

/** Units as a vendor's image brings them: each waits for a disk, for a person, or throws away what a board's identity is. */
const units = (diskId: string): Record<string, string> => ({
  'resize-root.service': `[Unit]
Description=Grow the root partition to the size of the card
Requires=${deviceUnit(diskId, '02')}
After=${deviceUnit(diskId, '02')}
Before=multi-user.target

[Service]
Type=oneshot
ExecStart=/usr/lib/raspberrypi-sys-mods/resize-root
ExecStartPost=/bin/systemctl disable resize-root.service

[Install]
WantedBy=multi-user.target
`,
  'userconfig.service': `[Unit]
Description=Ask for the first user
Before=getty@tty1.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=/usr/lib/userconf-pi/userconf-service

[Install]
WantedBy=multi-user.target
`,
  'regenerate_ssh_host_keys.service': `[Unit]
Description=Make new SSH host keys at the first start
Before=ssh.service

[Service]
Type=oneshot
ExecStartPre=/bin/sh -c "rm -f /etc/ssh/ssh_host_*_key*"
ExecStart=/usr/bin/ssh-keygen -A
ExecStartPost=/bin/systemctl disable regenerate_ssh_host_keys.service

[Install]
WantedBy=multi-user.target
`,
});

/** First-boot script in place of init: repartitions the card and restarts, over and over where there is no card. */
const firstboot = `#!/bin/sh
# Runs as process 1 at the first start: gives the card a new disk identifier and all its space to the root.
mount -t proc proc /proc
mount -t sysfs sys /sys
root=$(findmnt -n -o SOURCE /)
echo "firstboot: growing $root" >/dev/console
disk=$(lsblk -no PKNAME "$root" 2>/dev/null)
if [ -b "/dev/$disk" ]; then
  mount /boot/firmware
  echo ", +" | sfdisk -q --no-reread -N 2 "/dev/$disk"
  sed -i 's| init=/usr/lib/raspberrypi-sys-mods/firstboot||' /boot/firmware/cmdline.txt
  umount /boot/firmware
else
  echo "firstboot: there is no disk below $root" >/dev/console
fi
sync
sleep 2
reboot -f
`;

const resizeRoot = `#!/bin/sh
set -e
root=$(findmnt -n -o SOURCE /)
disk=$(lsblk -no PKNAME "$root")
echo ", +" | sfdisk -q --no-reread -N 2 "/dev/$disk"
resize2fs "$root"
`;

const waitForPerson = `#!/bin/sh
# Waits until somebody made a user at the keyboard.
until [ -e /etc/first-user-made ]; do sleep 5; done
`;

/** What the vendor's first-boot script is called on the kernel's command line. */
export const firstbootPath = '/usr/lib/raspberrypi-sys-mods/firstboot';

/** Makes a system with NetworkManager and dphys-swapfile unpacked into it as hard to boot without its card as vendors' images are. */
export async function makeAdverse(root: string, diskId: string): Promise<void> {
  const local = units(diskId);
  await writeSystemFiles(root, {
    '/etc/fstab': fstab(diskId),
    '/etc/dphys-swapfile': 'CONF_SWAPSIZE=512\n',
    '/etc/NetworkManager/NetworkManager.conf': '[main]\nplugins=ifupdown,keyfile\n\n[ifupdown]\nmanaged=true\n',
    '/etc/rpi-issue': 'Adverse lab image: what vendors ship, and more of it\n',
  });
  for (const [name, text] of Object.entries(local)) {
    await writeSystemFiles(root, { [`/etc/systemd/system/${name}`]: text });
    await enableUnit(root, name, 'multi-user.target', true);
  }
  await writeSystemFiles(
    root,
    {
      [firstbootPath]: firstboot,
      '/usr/lib/raspberrypi-sys-mods/resize-root': resizeRoot,
      '/usr/lib/userconf-pi/userconf-service': waitForPerson,
    },
    0o755,
  );
  await chmod(path.join(root, 'etc/fstab'), 0o644);
  await enableUnit(root, 'NetworkManager.service', 'multi-user.target');
  await enableUnit(root, 'NetworkManager-wait-online.service', 'network-online.target');
  await enableUnit(root, 'NetworkManager-dispatcher.service', 'multi-user.target');
  await enableUnit(root, 'dphys-swapfile.service', 'multi-user.target');
  await symlink('../run/resolv.conf', path.join(root, 'etc/resolv.conf')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
