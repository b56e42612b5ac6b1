import type { StepContext } from './context.js';

/**
 * What a step leaves that is of this build only: logs with its times, caches that are made again, backups of files it changed, what must be another's
 * on each board. A machine-id is there and empty, so that systemd makes one at the first start and calls that the first (machine-id(5)).
 */
const script = `
rm -rf /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log /var/log/fontconfig.log
rm -f /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/cache/apt/archives/lock /var/lib/apt/lists/lock
rm -rf /var/lib/apt/lists/partial/* /var/cache/ldconfig/aux-cache /var/cache/man/*
rm -f /var/cache/debconf/*-old /var/lib/dpkg/*-old /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
if [ -e /etc/machine-id ] || [ -d /run/systemd ] || [ -x /lib/systemd/systemd ]; then rm -f /etc/machine-id; : >/etc/machine-id; chmod 0444 /etc/machine-id; fi
if [ -f /etc/resolv.conf ] && [ ! -L /etc/resolv.conf ] && [ ! -s /etc/resolv.conf ]; then rm -f /etc/resolv.conf; fi
if [ -f /var/lib/dbus/machine-id ]; then rm -f /var/lib/dbus/machine-id; fi
if [ -x /usr/sbin/sshd ]; then
  mkdir -p /etc/systemd/system/ssh.service.d
  printf '%s\\n' '# A board makes keys of its own before its first connection.' '[Service]' ExecStartPre= 'ExecStartPre=/usr/bin/ssh-keygen -A' 'ExecStartPre=/usr/sbin/sshd -t' >/etc/systemd/system/ssh.service.d/host-keys.conf
fi
`;

export const cleanRoot = ({ root, env, onOutput }: StepContext): Promise<unknown> =>
  root.run('sh', ['-euc', script], { env, onOutput });
