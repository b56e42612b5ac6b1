import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type ImageFacts } from '@drover/contract';
import { cachedSource, openExt4, readCpio, type CpioRecord, type Ext4Volume } from '@drover/disk-image';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileSource } from '../../src/adapters/import/file-source.js';
import { createHelperStore, createInitramfsComposer, rootCompression } from '@drover/initramfs';
import { createInitramfsMaker } from '../../src/adapters/initramfs/index.js';
import { createToolRunner } from '@drover/tools';
import { elf, writeHelpers } from './arm-programs.js';
import { deviceFolder } from './initramfs-shell.js';

const execute = promisify(execFile);
const { signal } = new AbortController();

let dir: string;
const at = (name: string): string => join(dir, name);
const blobs = new Map<string, Buffer>();

async function put(source: AsyncIterable<Uint8Array>) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const digest = createHash('sha256').update(bytes).digest('hex');
  blobs.set(digest, bytes);
  return { digest, size: bytes.length };
}

const bytesOf = (digest: string): Buffer => blobs.get(digest) ?? expect.fail(`no blob ${digest}`);

const newHelpers = () => createHelperStore({ tools: createToolRunner(), cacheDir: at('helpers'), now: () => 0 });
const newComposer = (device = deviceFolder) =>
  createInitramfsComposer({ helpers: newHelpers(), deviceFolder: device, put });

/** Module folders as three kinds of kernels have them. */
const kernels: Record<string, Record<string, string | Buffer>> = {
  // Everything is a module, compressed, with dependencies.
  '6.1.0-1-arm64': {
    'modules.dep': [
      'kernel/fs/overlayfs/overlay.ko.xz:',
      'kernel/fs/squashfs/squashfs.ko.xz:',
      'kernel/drivers/block/loop.ko.xz:',
      'kernel/drivers/net/virtio_net.ko.xz: kernel/net/core/failover.ko.xz kernel/drivers/net/net_failover.ko.xz',
      'kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz',
      'kernel/net/core/failover.ko.xz:',
      'kernel/sound/unneeded.ko.xz:',
      '',
    ].join('\n'),
    'modules.builtin': 'kernel/drivers/virtio/virtio_pci.ko\n',
    'kernel/fs/squashfs/squashfs.ko.xz': 'module squashfs\0xz_dec_run\0zlib_inflate\0',
  },
  // The usual in built in; squashfs tells nothing, a configuration does.
  '6.6.20+rpt-rpi-v8': {
    'modules.dep': 'kernel/fs/overlayfs/overlay.ko.gz:\n',
    'modules.builtin': 'kernel/drivers/block/loop.ko\nkernel/fs/squashfs/squashfs.ko\n',
    'kernel/fs/overlayfs/overlay.ko.gz': gzipSync('module overlay'),
  },
  // No overlay at all.
  '5.10.0-bare': { 'modules.dep': 'kernel/fs/squashfs/squashfs.ko:\n', 'modules.builtin': '' },
};

async function writeKernels(tree: string): Promise<void> {
  for (const [release, files] of Object.entries(kernels)) {
    const folder = join(tree, 'usr/lib/modules', release);
    for (const line of String(files['modules.dep']).split('\n').filter(Boolean)) {
      const file = line.slice(0, line.indexOf(':'));
      files[file] ??= `module ${file}`;
    }
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      if (!name.endsWith('.xz')) await writeFile(join(folder, name), content);
      else {
        await writeFile(join(folder, name.slice(0, -3)), content);
        await execute('xz', [join(folder, name.slice(0, -3))]);
      }
    }
  }
}

let volume: Ext4Volume;
let close: () => Promise<void>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-compose-'));
  await writeKernels(at('tree'));
  await mkdir(at('tree/boot'), { recursive: true });
  await writeFile(
    at('tree/boot/config-6.6.20+rpt-rpi-v8'),
    'CONFIG_SQUASHFS=m\nCONFIG_SQUASHFS_ZLIB=y\nCONFIG_SQUASHFS_XZ=y\n# CONFIG_SQUASHFS_ZSTD is not set\n',
  );
  await writeFile(at('root.ext4'), '');
  await truncate(at('root.ext4'), 16 * 1024 * 1024);
  await execute('mke2fs', ['-q', '-t', 'ext4', '-d', at('tree'), at('root.ext4')]);
  await writeHelpers(at('helpers'));
  const source = await openFileSource(at('root.ext4'));
  close = () => source.close();
  volume = await openExt4(cachedSource(source, { pageSize: 65_536, pages: 64 }));
});
afterAll(async () => {
  await close();
  await rm(dir, { recursive: true, force: true });
});

const unpack = (digest: string): Map<string, CpioRecord> =>
  new Map(readCpio(gunzipSync(bytesOf(digest))).map((record) => [record.path, record]));

describe('the common part', () => {
  test('holds busybox, the runtime, a console, and what they are', async () => {
    const part = await newComposer().composeCommon('arm64', signal);
    expect(part).toMatchObject({
      kind: 'common',
      architecture: 'arm64',
      release: null,
      size: bytesOf(part.blob).length,
    });
    const files = unpack(part.blob);
    expect(files.get('init')?.mode).toBe(0o755);
    expect(files.get('bin/busybox')).toMatchObject({ kind: 'file', mode: 0o755, uid: 0, gid: 0 });
    expect(files.get('dev/console')).toMatchObject({ kind: 'char', major: 5, minor: 1 });
    expect(files.get('lib/drover/http-talk')?.mode).toBe(0o755);
    expect(files.get('lib/drover/base.sh')?.mode).toBe(0o644);
    expect(files.has('lib/drover/fstab.awk')).toBe(true);
    const version = Buffer.from(files.get('lib/drover/version')?.data ?? []).toString();
    expect(version).toMatch(/^version=\d+\.\d+\.\d+\nnot_before=\d{10}\nbusybox=\S+\nperl=\S+\n/);
  });

  test('has the same bytes each time, and another one for each architecture', async () => {
    const first = await newComposer().composeCommon('armhf', signal);
    expect(await newComposer().composeCommon('armhf', signal)).toEqual(first);
  });

  test('is read by cpio(1) too', async () => {
    const { blob } = await newComposer().composeCommon('arm64', signal);
    await writeFile(at('common.cpio'), gunzipSync(bytesOf(blob)));
    const { stdout } = await execute('sh', ['-c', `cpio -itv <${at('common.cpio')}`]);
    expect(stdout).toMatch(/^crw------- .* 5, +1 .* dev\/console$/m);
    expect(stdout).toMatch(/bin\/sh -> busybox$/m);
  });
});

describe('the part for cards', () => {
  test('holds what judges answers and makes file systems, and nothing that the common part has', async () => {
    const [part, common] = [
      await newComposer().composeCard('arm64', signal),
      await newComposer().composeCommon('arm64', signal),
    ];
    expect(part).toMatchObject({ kind: 'card', architecture: 'arm64', release: null });
    expect(bytesOf(part.blob).length % 4).toBe(0);
    const files = unpack(part.blob);
    for (const name of ['signify', 'mke2fs', 'e2fsck']) expect(files.get(`lib/drover/card/${name}`)?.mode).toBe(0o755);
    expect(files.get('lib/drover/card/mke2fs.conf')?.mode).toBe(0o644);
    const inCommon = unpack(common.blob);
    const twice = [...files.values()].filter(({ kind, path }) => kind === 'file' && inCommon.has(path));
    expect(twice).toEqual([]);
    expect(await newComposer().composeCard('arm64', signal)).toEqual(part);
  });

  test('has a recipe of its own', async () => {
    const [ours, others] = [await newComposer().cardRecipe(), await newComposer().recipe()];
    const helper = at('helpers/arm64-card/signify');
    const before = await readFile(helper);
    await writeFile(helper, Buffer.concat([before, Buffer.from('newer')]));
    expect(await newComposer().cardRecipe()).not.toBe(ours);
    expect(await newComposer().recipe()).toBe(others);
    await writeFile(helper, before);
    expect(await newComposer().cardRecipe()).toBe(ours);
  });
});

describe('the modules part', () => {
  test('has what is needed, decompressed, in an order insmod can follow', async () => {
    const made = await newComposer().composeModules(volume, '6.1.0-1-arm64', 'arm64', signal);
    if (!made.ok) return expect.fail(made.detail);
    const folder = 'lib/modules/6.1.0-1-arm64';
    const files = unpack(made.value.part.blob);
    const order = Buffer.from(files.get(`${folder}/drover.order`)?.data ?? [])
      .toString()
      .trim()
      .split('\n');
    expect(order.slice(0, 3)).toEqual([
      'kernel/drivers/block/loop.ko',
      'kernel/fs/squashfs/squashfs.ko',
      'kernel/fs/overlayfs/overlay.ko',
    ]);
    const place = (name: string) => order.findIndex((file) => file.endsWith(`/${name}.ko`));
    expect(place('failover')).toBeLessThan(place('net_failover'));
    expect(place('net_failover')).toBeLessThan(place('virtio_net'));
    expect(place('unneeded')).toBe(-1);
    for (const file of order)
      expect(Buffer.from(files.get(`${folder}/${file}`)?.data ?? []).toString()).toMatch(/^module /);
    expect(made.value.resolved.builtin).toContain('virtio_pci');
    expect(made.value.part).toMatchObject({ kind: 'modules', release: '6.1.0-1-arm64' });
  });

  test('can stand behind the common one: the kernel finds it at a multiple of four', async () => {
    const common = await newComposer().composeCommon('arm64', signal);
    const made = await newComposer().composeModules(volume, '6.1.0-1-arm64', 'arm64', signal);
    for (const blob of [common.blob, made.ok ? made.value.part.blob : '']) expect(bytesOf(blob).length % 4).toBe(0);
  });

  test('is small for a kernel that has most of it built in', async () => {
    const made = await newComposer().composeModules(volume, '6.6.20+rpt-rpi-v8', 'arm64', signal);
    if (!made.ok) return expect.fail(made.detail);
    expect([...unpack(made.value.part.blob).keys()].filter((path) => path.endsWith('.ko'))).toHaveLength(1);
  });

  test('is refused for a kernel that cannot mount a root in memory', async () => {
    expect(await newComposer().composeModules(volume, '5.10.0-bare', 'arm64', signal)).toMatchObject({
      ok: false,
      code: 'image.unfit',
      detail: 'Kernel 5.10.0-bare of the image has no loop, no overlay.',
    });
  });

  test('is refused for a kernel without modules in this root', async () => {
    expect(await newComposer().composeModules(volume, '6.9.9', 'arm64', signal)).toMatchObject({
      ok: false,
      code: 'image.unfit',
    });
    expect(await newComposer().composeModules(volume, '../../etc', 'arm64', signal)).toMatchObject({ ok: false });
  });
});

describe('what a kernel can mount', () => {
  test('is told by its squashfs module', async () => {
    expect(await rootCompression(volume, ['6.1.0-1-arm64'])).toEqual({
      compression: 'gzip',
      reason: '6.1.0-1-arm64 mounts gzip, xz by its squashfs module',
    });
  });

  test('or by its configuration, or by its version', async () => {
    expect((await rootCompression(volume, ['6.6.20+rpt-rpi-v8'])).reason).toBe(
      '6.6.20+rpt-rpi-v8 mounts gzip, xz by /boot/config-6.6.20+rpt-rpi-v8',
    );
    expect(await rootCompression(volume, ['5.10.0-bare'])).toEqual({
      compression: 'zstd',
      reason: '5.10.0-bare mounts zstd, gzip, xz by its version',
    });
  });

  test('must be mountable by all of them', async () => {
    expect((await rootCompression(volume, ['5.10.0-bare', '6.6.20+rpt-rpi-v8'])).compression).toBe('gzip');
    expect((await rootCompression(volume, [])).compression).toBe('gzip');
  });
});

describe('what is made of an image', () => {
  const facts = (list: ImageFacts['kernels']): ImageFacts =>
    ({
      partitions: [{ number: 2, offset: 0, length: 16 * 1024 * 1024 }],
      rootPartition: 2,
      kernels: list,
    }) as unknown as ImageFacts;
  const kernel = (release: string, architecture: 'arm64' | 'arm', modules = true) => ({
    ...{ file: 'kernel.img', release, architecture, modules },
  });
  const make = (list: ImageFacts['kernels']) =>
    createInitramfsMaker({ composer: newComposer(), openSource: openFileSource }).make(at('root.ext4'), facts(list), {
      signal,
      progress: () => undefined,
    });

  test('is a part for each kernel that can be used, and a common one for each architecture', async () => {
    const made = await make([
      kernel('6.1.0-1-arm64', 'arm64'),
      kernel('6.6.20+rpt-rpi-v8', 'arm64'),
      kernel('6.6.20+rpt-rpi-v8', 'arm64'),
      kernel('5.10.0-bare', 'arm'),
      kernel('6.0', 'arm64', false),
    ]);
    if (!made.ok) return expect.fail(made.detail);
    expect(made.value.parts.map(({ kind, architecture, release }) => `${kind} ${architecture} ${release}`)).toEqual([
      'common arm64 null',
      'modules arm64 6.1.0-1-arm64',
      'nfs arm64 6.1.0-1-arm64',
      'modules arm64 6.6.20+rpt-rpi-v8',
      'nfs arm64 6.6.20+rpt-rpi-v8',
    ]);
    expect(made.value.canAttach).toBe(false);
    expect(made.value.canMount).toBe(false);
    expect(made.value.canUpdateCard).toBe(false);
    expect(made.value.warnings).toEqual([
      'kernel 6.1.0-1-arm64 has no nfs: root mode nfs is not possible',
      'kernel 6.1.0-1-arm64 has no nbd, no ext4: root modes nbd and stream are not possible',
      'kernel 6.1.0-1-arm64 has no mmc_block, no vfat, no ext4: root mode sd is not possible',
      'kernel 6.6.20+rpt-rpi-v8 has no nfs: root mode nfs is not possible',
      'kernel 6.6.20+rpt-rpi-v8 has no nbd, no ext4: root modes nbd and stream are not possible',
      'kernel 6.6.20+rpt-rpi-v8 has no mmc_block, no vfat, no ext4: root mode sd is not possible',
      'Kernel 5.10.0-bare of the image has no loop, no overlay.',
    ]);
  });

  test('is nothing when no kernel can be used', async () => {
    expect(await make([kernel('5.10.0-bare', 'arm')])).toMatchObject({ ok: false, code: 'image.unfit' });
    expect(await make([])).toMatchObject({ ok: false, code: 'image.unfit' });
  });
});

describe('the recipe', () => {
  test('stays while nothing changes, and changes with a script or a helper', async () => {
    const device = at('device');
    await cp(deviceFolder, device, { recursive: true });
    const before = await newComposer(device).recipe();
    expect(await newComposer(device).recipe()).toBe(before);
    const script = join(device, 'lib/base.sh');
    await writeFile(script, `${await readFile(script, 'utf8')}# changed\n`);
    const after = await newComposer(device).recipe();
    expect(after).not.toBe(before);
    await writeFile(at('helpers/armel/busybox'), Buffer.concat([elf('arm'), Buffer.from('newer')]));
    expect(await newComposer(device).recipe()).not.toBe(after);
  });
});
