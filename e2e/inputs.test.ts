import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inputs, type ImageInput } from './inputs/index.js';
import { run } from './inputs/run.js';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(path.join(os.tmpdir(), 'drv-inputs-'));
});
afterEach(() => rm(scratch, { recursive: true }));

/** Copies partition 2 out of an image, so that tools which know no offsets can judge it. */
async function extractRoot(image: string): Promise<string> {
  const { stdout } = await run(['sfdisk', '--json', image]);
  const table = JSON.parse(stdout) as { partitiontable: { partitions: { start: number }[] } };
  const start = table.partitiontable.partitions[1]?.start ?? 0;
  const root = path.join(scratch, 'root.ext4');
  await run([
    'dd',
    `if=${image}`,
    `of=${root}`,
    'bs=1M',
    'iflag=skip_bytes',
    `skip=${start * 512}`,
    'conv=sparse',
    'status=none',
  ]);
  return root;
}

const debugfs = async (root: string, request: string): Promise<string> =>
  (await run(['debugfs', '-R', request, root])).stdout;

/** Names on the boot partition, as mtools reads them. */
async function bootNames(image: ImageInput): Promise<string[]> {
  const { stdout } = await run(['mdir', '-b', '-i', `${image.path}@@4M`, '::/']);
  return stdout.split('\n').map((line) => line.replace('::/', ''));
}

async function firstBytes(file: string, count: number): Promise<string> {
  const handle = await open(file);
  const { buffer } = await handle.read(Buffer.alloc(count), 0, count, 0);
  await handle.close();
  return buffer.toString('hex');
}

describe('the fast image', () => {
  test('is a card: MBR, FAT32 with firmware and kernel, a clean ext4 that kept what is delicate', async () => {
    const image = await inputs.fast();
    const { stdout } = await run(['sfdisk', '-d', image.path]);
    expect(stdout).toContain(`label-id: 0x${image.diskId}`);
    const names = await bootNames(image);
    for (const name of [
      'bootcode.bin',
      'start4.elf',
      'fixup4.dat',
      'kernel8.img',
      'bcm2711-rpi-4-b.dtb',
      'bcm2710-rpi-3-b.dtb',
    ]) {
      expect(names).toContain(name);
    }
    await run(['fsck.vfat', '-n', await extractBoot(image)]);
    const root = await extractRoot(image.path);
    await run(['e2fsck', '-f', '-n', root]);
    expect(await debugfs(root, 'ea_list /srv/keep/capable')).toContain('security.capability');
    expect(await debugfs(root, 'stat /srv/keep/first-name')).toMatch(/Links: 2/);
    expect(await debugfs(root, 'stat /srv/keep/many')).toMatch(/Flags: 0x[0-9a-f]*1000\b/);
    expect(await debugfs(root, `cat /usr/lib/modules/${image.kernelRelease}/modules.dep`)).toContain('overlay.ko');
  });

  test('comes out the same of each container', async () => {
    const unpack = { xz: ['xz', '-dc'], gz: ['gzip', '-dc'], zst: ['zstd', '-qdc'], zip: ['unzip', '-p'] } as const;
    for (const [compression, argv] of Object.entries(unpack)) {
      const input = await inputs.fastCompressed(compression as keyof typeof unpack);
      const { stdout } = await run(['sh', '-c', '"$@" | sha256sum', 'sh', ...argv, input.path]);
      expect(stdout.split(' ')[0], compression).toBe(input.image.sha256);
    }
  });

  test('has an unclean twin whose journal says more than its blocks', async () => {
    const input = await inputs.fastUnclean();
    const root = await extractRoot(input.path);
    expect(await debugfs(root, 'features')).toContain('needs_recovery');
    expect(await debugfs(root, `cat ${input.file}`)).toBe(input.stale);
    await run(['e2fsck', '-p', root], { okCodes: [0, 1] });
    expect(await debugfs(root, `cat ${input.file}`)).toBe(input.fresh);
  });

  async function extractBoot(image: ImageInput): Promise<string> {
    const boot = path.join(scratch, 'boot.fat');
    await run(['dd', `if=${image.path}`, `of=${boot}`, 'bs=1M', 'skip=4', 'count=128', 'conv=sparse', 'status=none']);
    return boot;
  }
});

describe('the adverse image', () => {
  test('has everything that makes it adverse', async () => {
    const image = await inputs.adverse();
    expect(image.diskId).toMatch(/^0000/);
    const boot = (name: string): string => path.join(image.bootDir, name);
    expect(await readFile(boot('cmdline.txt'), 'utf8')).toMatch(/ quiet init=\S+firstboot\n$/);
    expect(await readFile(boot('config.txt'), 'utf8')).toContain('auto_initramfs=1');
    const names = await bootNames(image);
    for (const name of [
      'kernel8.img',
      'kernel_2712.img',
      'kernel7l.img',
      'initramfs8',
      'initramfs_2712',
      'initramfs7l',
      'bcm2712-rpi-5-b.dtb',
    ]) {
      expect(names).toContain(name);
    }
    expect(await firstBytes(boot('kernel8.img'), 2)).toBe('1f8b');

    const root = await extractRoot(image.path);
    const fstab = await debugfs(root, 'cat /etc/fstab');
    for (const text of [
      `${image.diskId}-01`,
      `${image.diskId}-02`,
      `${image.diskId}-03`,
      '/swapfile',
      'x-systemd.growfs',
    ]) {
      expect(fstab).toContain(text);
    }
    const wanted = await debugfs(root, 'ls -p /etc/systemd/system/multi-user.target.wants');
    for (const unit of ['NetworkManager', 'dphys-swapfile', 'resize-root', 'userconfig', 'regenerate_ssh_host_keys']) {
      expect(wanted).toContain(`/${unit}.service/`);
    }
    const releases = (await debugfs(root, 'ls -p /usr/lib/modules')).match(/\d+\.\d+\.\d+-[^/]+/g);
    expect(releases).toHaveLength(3);
    expect(releases).toContain(image.kernelRelease);
    expect(await debugfs(root, `cat /usr/lib/modules/${image.kernelRelease}/modules.dep`)).toMatch(/overlay\.ko\.xz:/);
    expect(await debugfs(root, 'stat /usr/sbin/NetworkManager')).toContain('Type: regular');
  });
});
