import { mkdir, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import type { KernelAnswer, KernelOrder } from '../../packages/server/test/interop/nfs-kernel-child.js';
import type { NfsServerMachine } from '../inputs/index.js';
import { run } from '../inputs/run.js';
import { spawnInNamespace, type LabProcess } from '../lab/process.js';
import { packTestInitramfs } from '../lab/testInitramfs.js';

/** A machine whose kernel serves NFS, with Drover's keeper of it. */
export interface KernelNfsMachine {
  /** Its administrator's shell: what a line of commands printed. */
  shell(line: string): Promise<string>;
  /** Drover's keeper of exports: its next answer. `{ready}` comes by itself at its start, and when it was started again. */
  order(order: KernelOrder): Promise<KernelAnswer>;
  next(): Promise<KernelAnswer>;
  stop(): Promise<unknown>;
}

const child = path.join(import.meta.dirname, '../../packages/server/test/interop/nfs-kernel-child.ts');
const bootMs = 180_000;
const answerMs = 120_000;

/** Loads what mounts the drive, and goes on from there. */
const fromInitramfs = `mount -t ext4 /dev/vda /mnt || exec sh
mount -t devtmpfs dev /mnt/dev; mount -t proc proc /mnt/proc; mount -t sysfs sys /mnt/sys
exec switch_root /mnt /drover-init`;

/** A short grace period: nobody has anything to claim back. */
const startScript = (address: string): string => `#!/bin/sh
export PATH=/usr/sbin:/usr/bin HOME=/root
mount -t tmpfs run /run; mount -t tmpfs tmp /tmp; mkdir -p /run/rpcbind /run/rpc_pipefs
for module in virtio_net virtio_console overlay btrfs nfsd; do busybox modprobe $module; done
hostname server
busybox ip link set lo up; busybox ip addr add ${address}/24 dev eth0; busybox ip link set eth0 up
mkdir -p /mnt; mount -t ext4 /dev/vdb /mnt
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs; mount -t nfsd nfsd /proc/fs/nfsd
mkdir -p /srv/admin /var/lib/nfs/sm /var/lib/nfs/v4recovery
echo 'of the administrator' >/srv/admin/secret
echo '/srv/admin *(ro,fsid=77,no_subtree_check)' >/etc/exports
rpcbind -w; exportfs -ra; rpc.nfsd -G 10 -L 10 4; rpc.mountd
( while :; do /usr/bin/node /mnt/keeper.mjs /mnt/directories /mnt/disk.img <>/dev/vport0p1 >&0 2>/dev/ttyAMA0; sleep 1; done ) &
stty -echo </dev/ttyAMA0
export PS1=
echo MACHINE-IS-UP
while :; do sh </dev/ttyAMA0 >/dev/ttyAMA0 2>&1; done
`;

/** The drive with Drover's part: its keeper as one file, and an image. */
async function ownDrive(folder: string, image: string): Promise<string> {
  const [tree, drive] = [path.join(folder, 'work'), path.join(folder, 'work.img')];
  await mkdir(tree);
  await build({
    ...{ entryPoints: [child], outfile: path.join(tree, 'keeper.mjs'), bundle: true, logLevel: 'silent' },
    ...{ platform: 'node', format: 'esm', target: 'node18', conditions: ['drover-source'] },
    // What is bundled may ask for modules the old way.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  await run(['cp', '--sparse=always', image, path.join(tree, 'disk.img')]);
  await run(['truncate', '-s', '512M', drive]);
  await run(['mke2fs', '-q', '-t', 'ext4', '-d', tree, drive]);
  await rm(tree, { recursive: true });
  return drive;
}

async function initramfs(machine: NfsServerMachine, folder: string, address: string): Promise<string> {
  const encoded = Buffer.from(startScript(address)).toString('base64');
  const bring = `echo ${encoded} | base64 -d >/mnt/drover-init; chmod 755 /mnt/drover-init`;
  return packTestInitramfs({
    ...{ dir: folder, rootDir: machine.rootDir, kernelRelease: machine.kernelRelease },
    modules: ['virtio_mmio', 'virtio_blk', 'crc32c_generic', 'ext4'],
    script: fromInitramfs.replace('exec switch_root', `${bring}\nexec switch_root`),
  });
}

async function connected(socket: string): Promise<Socket> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await new Promise((resolve, reject) => {
        const link = connect(socket, () => resolve(link));
        link.once('error', reject);
      });
    } catch (error) {
      if (attempt === 50) throw error;
      await sleep(100);
    }
  }
}

export interface MachineOptions {
  readonly machine: NfsServerMachine;
  /** Its own, empty. */
  readonly folder: string;
  readonly image: string;
  readonly address: string;
  readonly netns: string;
  readonly tap: string;
}

/** Starts it and waits until it serves. */
export async function startKernelNfsMachine(options: MachineOptions): Promise<KernelNfsMachine> {
  const { machine, folder, image, address, netns, tap } = options;
  const [drive, initrd] = [await ownDrive(folder, image), await initramfs(machine, folder, address)];
  const socket = path.join(folder, 'keeper.sock');
  const qemu = [
    ...['qemu-system-aarch64', '-M', 'virt', '-cpu', 'cortex-a53', '-smp', '1', '-m', '512', '-nographic'],
    ...['-nodefaults', '-no-reboot', '-serial', 'stdio', '-monitor', 'none', '-kernel', machine.kernel],
    ...['-initrd', initrd, '-append', 'console=ttyAMA0 panic=-1 quiet'],
    ...['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no`, '-device', 'virtio-net-device,netdev=n0'],
    // The last device on the command line is the first in the machine.
    ...['-drive', `if=none,id=work,format=raw,file=${drive}`, '-device', 'virtio-blk-device,drive=work'],
    ...['-drive', `if=none,id=root,format=raw,snapshot=on,file=${machine.drive}`],
    ...['-device', 'virtio-blk-device,drive=root', '-device', 'virtio-serial-device'],
    ...['-chardev', `socket,id=keeper,path=${socket},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=keeper,name=drover'],
  ];
  const guest = await spawnInNamespace(qemu, { netns, name: 'machine that serves NFS' });
  const link = await connected(socket);
  const lines = createInterface({ input: link })[Symbol.asyncIterator]();
  await guest.console.expect('MACHINE-IS-UP', bootMs);
  const next = async (): Promise<KernelAnswer> => {
    const late = sleep(answerMs, undefined, { ref: false });
    const line = (await Promise.race([lines.next(), late])) as IteratorResult<string, undefined> | undefined;
    if (line?.done !== false) throw new Error(`the keeper of exports said nothing:\n${guest.console.text()}`);
    return JSON.parse(line.value) as KernelAnswer;
  };
  return {
    next,
    order: async (order) => {
      link.write(`${JSON.stringify(order)}\n`);
      return next();
    },
    shell: shellOn(guest),
    stop: async () => {
      link.destroy();
      await guest.kill();
    },
  };
}

const shellOn = (guest: LabProcess) => {
  let asked = 0;
  return async (line: string): Promise<string> => {
    const mark = `end-of-${++asked}`;
    const before = guest.console.text().length;
    // The mark is not in what is typed, which may be echoed.
    guest.send(`${line}\necho "end-""of-${asked}"\n`);
    await guest.console.expect(`${mark}\r\n`, 60_000);
    const said = guest.console.text().slice(before);
    return said.slice(0, said.lastIndexOf(mark)).replaceAll('\r', '').trim();
  };
};
