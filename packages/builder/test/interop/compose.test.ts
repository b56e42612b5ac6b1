import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { refusal, RefusedError } from '@drover/contract';
import { cachedSource, openExt4, readCpio, type CpioRecord, type Ext4Volume } from '@drover/disk-image';
import { createHelperStore } from '@drover/initramfs';
import { createToolRunner, type Tools } from '@drover/tools';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeHelpers } from '../../../server/test/interop/arm-programs.js';
import { createCompose } from '../../src/boot/compose.js';
import { installation } from '../../src/installation.js';
import { openDisk } from '../../src/output/open-disk.js';

const execute = promisify(execFile);
const { signal } = new AbortController();

const required = [
  'kernel/fs/overlayfs/overlay.ko:',
  'kernel/fs/squashfs/squashfs.ko:',
  'kernel/drivers/block/loop.ko:',
];
const radio = ['kernel/net/rfkill/rfkill.ko:', 'kernel/net/wireless/cfg80211.ko: kernel/net/rfkill/rfkill.ko'];

/** Lines of `modules.dep` of kernels: one with a driver of a radio, one without, and one whose driver is named and not there. */
const kernels: Readonly<Record<string, readonly string[]>> = {
  '6.1.0-radio': [...required, ...radio, 'kernel/brcmfmac.ko: kernel/net/wireless/cfg80211.ko'],
  '6.1.0-none': [...required, ...radio],
  '6.1.0-broken': [...required, 'kernel/brcmfmac.ko:'],
};
const absent = '6.1.0-broken/kernel/brcmfmac.ko';

let dir: string;
let volume: Ext4Volume;
let close: () => Promise<void>;
const at = (name: string): string => join(dir, name);

const put = async (name: string, content: string): Promise<void> => {
  await mkdir(dirname(at(`tree/${name}`)), { recursive: true });
  await writeFile(at(`tree/${name}`), content);
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-compose-'));
  for (const [release, lines] of Object.entries(kernels)) {
    await put(`usr/lib/modules/${release}/modules.dep`, `${lines.join('\n')}\n`);
    for (const file of lines.map((line) => line.slice(0, line.indexOf(':'))))
      if (`${release}/${file}` !== absent)
        await put(`usr/lib/modules/${release}/${file}`, '\0firmware=brcm/brcmfmac43455-sdio.bin\0');
  }
  await put('usr/lib/firmware/brcm/brcmfmac43455-sdio.bin', 'firmware');
  await writeFile(at('root.ext4'), '');
  await truncate(at('root.ext4'), 16 * 1024 * 1024);
  await execute('mke2fs', ['-q', '-t', 'ext4', '-d', at('tree'), at('root.ext4')]);
  await writeHelpers(at('helpers'));
  const source = await openDisk(at('root.ext4'));
  close = () => source.close();
  volume = await openExt4(cachedSource(source, { pageSize: 65_536, pages: 64 }));
});
afterAll(async () => {
  await close();
  await rm(dir, { recursive: true, force: true });
});

const compose = (tools: Tools = createToolRunner(), cacheDir = at('helpers')) =>
  createCompose({
    helpers: createHelperStore({ tools, cacheDir, now: () => 0 }),
    deviceFolder: join(installation, 'device'),
  });

const composed = (release: string): Promise<Uint8Array> =>
  compose()(volume, { release, architecture: 'arm64' }, signal);

/** One compressed archive behind the other, with zeros between, as the kernel reads them. */
function unpack(bytes: Uint8Array): Map<string, CpioRecord> {
  const found = new Map<string, CpioRecord>();
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] === 0) at += 1;
    else {
      const { buffer, engine } = gunzipSync(bytes.subarray(at), { info: true }) as unknown as Unzipped;
      for (const record of readCpio(buffer)) found.set(record.path, record);
      at += engine.bytesWritten;
    }
  }
  return found;
}

interface Unzipped {
  readonly buffer: Buffer;
  /** `bytesWritten` is what it was given and used. */
  readonly engine: { readonly bytesWritten: number };
}

it('an initramfs for cards has programs and drivers for Wi-Fi, and their firmware, where the root has a driver of a radio', async () => {
  const files = unpack(await composed('6.1.0-radio'));
  const names = [...files.keys()];
  expect(names).toEqual(expect.arrayContaining(['init', 'bin/busybox', 'lib/modules/6.1.0-radio/drover.order']));
  expect(files.get('lib/wifi/wpa_supplicant')?.mode).toBe(0o755);
  expect(Buffer.from(files.get('lib/wifi/6.1.0-radio/drover.order')?.data ?? []).toString()).toContain('brcmfmac.ko\n');
  expect(names).toContain('lib/wifi/6.1.0-radio/kernel/brcmfmac.ko');
  expect(Buffer.from(files.get('lib/firmware/brcm/brcmfmac43455-sdio.bin')?.data ?? []).toString()).toBe('firmware');
});

it('has nothing of it where the root has none', async () => {
  const names = [...unpack(await composed('6.1.0-none')).keys()];
  expect(names).toContain('lib/modules/6.1.0-none/drover.order');
  expect(names.filter((name) => name.startsWith('lib/wifi') || name.startsWith('lib/firmware'))).toEqual([]);
});

it('has the same bytes each time', async () => {
  expect(Buffer.compare(await composed('6.1.0-radio'), await composed('6.1.0-radio'))).toBe(0);
});

it('is refused where a driver is named and not there, and where its programs cannot be had', async () => {
  await expect(composed('6.1.0-broken')).rejects.toMatchObject({
    refusal: {
      code: 'image.unfit',
      detail: expect.stringContaining('Kernel 6.1.0-broken, drivers for Wi-Fi: ') as string,
    },
  });
  await cp(at('helpers'), at('without'), { recursive: true });
  await rm(at('without/arm64-wifi'), { recursive: true });
  const noTools: Tools = {
    ...createToolRunner(),
    run: () => Promise.reject(new RefusedError(refusal('tool.missing', 'apt-get is not there.'))),
  };
  await expect(
    compose(noTools, at('without'))(volume, { release: '6.1.0-radio', architecture: 'arm64' }, signal),
  ).rejects.toMatchObject({ refusal: { code: 'tool.missing' } });
});
