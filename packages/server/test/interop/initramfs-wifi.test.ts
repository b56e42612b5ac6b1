import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { cachedSource, openExt4, readCpio, type CpioRecord, type Ext4Volume } from '@drover/disk-image';
import { createHelperStore, createInitramfsComposer } from '@drover/initramfs';
import { createToolRunner } from '@drover/tools';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFileSource } from '../../src/adapters/import/file-source.js';
import { writeHelpers } from './arm-programs.js';
import { deviceFolder } from './initramfs-shell.js';

const execute = promisify(execFile);
const { signal } = new AbortController();
const release = '6.6.20+rpt-rpi-v8';

let dir: string;
let volume: Ext4Volume;
let close: () => Promise<void>;
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

const composer = () =>
  createInitramfsComposer({
    helpers: createHelperStore({ tools: createToolRunner(), cacheDir: at('helpers'), now: () => 0 }),
    deviceFolder,
    put,
  });

const unpack = (blob = ''): Map<string, CpioRecord> =>
  new Map(readCpio(gunzipSync(blobs.get(blob) ?? expect.fail(`no blob ${blob}`))).map((each) => [each.path, each]));

const modinfo = (...firmware: readonly string[]): string =>
  `\0license=GPL\0${firmware.map((name) => `firmware=${name}\0`).join('')}depends=cfg80211\0`;

/** A root as Raspberry Pi OS has it: one driver for the radios on the boards, compressed, and its firmware under many names. */
const files: Record<string, string | Buffer> = {
  [`usr/lib/modules/${release}/modules.dep`]: [
    'kernel/net/rfkill/rfkill.ko:',
    'kernel/net/wireless/cfg80211.ko: kernel/net/rfkill/rfkill.ko',
    'kernel/drivers/usb/core/usbcore.ko:',
    'kernel/brcmfmac.ko.gz: kernel/net/wireless/cfg80211.ko kernel/net/rfkill/rfkill.ko kernel/drivers/usb/core/usbcore.ko',
    'kernel/mt7601u.ko: kernel/net/wireless/cfg80211.ko kernel/net/rfkill/rfkill.ko',
    '',
  ].join('\n'),
  [`usr/lib/modules/${release}/kernel/net/rfkill/rfkill.ko`]: 'rfkill',
  [`usr/lib/modules/${release}/kernel/net/wireless/cfg80211.ko`]: 'cfg80211',
  [`usr/lib/modules/${release}/kernel/drivers/usb/core/usbcore.ko`]: 'usbcore',
  [`usr/lib/modules/${release}/kernel/brcmfmac.ko.gz`]: gzipSync(
    modinfo('brcm/brcmfmac43455-sdio.bin', 'brcm/brcmfmac4350-pcie.bin', '../../../etc/shadow'),
  ),
  [`usr/lib/modules/${release}/kernel/mt7601u.ko`]: modinfo('mt7601u.bin', 'mediatek/mt76*_patch.bin'),
  'usr/lib/modules/6.1.0-none/modules.dep': 'kernel/net/wireless/cfg80211.ko:\n',
  'usr/lib/modules/6.1.0-none/kernel/net/wireless/cfg80211.ko': 'cfg80211',
  'usr/lib/firmware/cypress/cyfmac43455-sdio.bin': 'firmware',
  'usr/lib/firmware/brcm/brcmfmac43455-sdio.clm_blob': 'channels',
  'usr/lib/firmware/brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.txt': 'settings',
  'usr/lib/firmware/brcm/brcmfmac4350-pcie.bin': 'other',
  'usr/lib/firmware/brcm/brcmfmac43430-sdio.bin': 'not asked for',
  'usr/lib/firmware/mt7601u.bin.xz': 'compressed',
  'usr/lib/firmware/mediatek/mt7662_patch.bin': 'patch',
  'usr/lib/firmware/mediatek/other.bin': 'other',
  'usr/lib/firmware/regulatory.db': 'rules',
  'etc/shadow': 'secret',
};
const links: Record<string, string> = {
  'usr/lib/firmware/brcm/brcmfmac43455-sdio.bin': '../cypress/cyfmac43455-sdio.bin',
  'usr/lib/firmware/brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.bin':
    '/usr/lib/firmware/cypress/cyfmac43455-sdio.bin',
  lib: 'usr/lib',
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-wifi-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(at(`tree/${name}`)), { recursive: true });
    await writeFile(at(`tree/${name}`), content);
  }
  for (const [name, target] of Object.entries(links)) await symlink(target, at(`tree/${name}`));
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

describe('drivers of radios', () => {
  test('are there with what they need, but for what the modules part has, in the order of loading', async () => {
    const part = await composer().composeWifiDrivers(volume, release, 'arm64', signal);
    expect(part).toMatchObject({ kind: 'wifi', architecture: 'arm64', release });
    const found = unpack(part?.blob);
    const order = Buffer.from(found.get(`lib/wifi/${release}/drover.order`)?.data ?? []).toString();
    expect(order.trim().split('\n')).toEqual([
      'kernel/net/rfkill/rfkill.ko',
      'kernel/net/wireless/cfg80211.ko',
      'kernel/brcmfmac.ko',
      'kernel/mt7601u.ko',
    ]);
    expect(found.get(`lib/wifi/${release}/kernel/brcmfmac.ko`)?.data.toString()).toContain('license=GPL');
  });

  test('have the firmware they ask for, each content once, and the rules about channels', async () => {
    const part = await composer().composeWifiDrivers(volume, release, 'arm64', signal);
    const firmware = [...unpack(part?.blob)].filter(
      ([path, { kind }]) => path.startsWith('lib/firmware/') && kind !== 'directory',
    );
    const shown = firmware.map(([path, { kind, data }]) => `${path.slice(13)} ${kind} ${Buffer.from(data).toString()}`);
    expect(shown.sort()).toEqual([
      'brcm/brcmfmac43455-sdio.bin file firmware',
      'brcm/brcmfmac43455-sdio.clm_blob file channels',
      'brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.bin symlink /lib/firmware/brcm/brcmfmac43455-sdio.bin',
      'brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.txt file settings',
      'mediatek/mt7662_patch.bin file patch',
      'mt7601u.bin.xz file compressed',
      'regulatory.db file rules',
    ]);
  });

  test('are none where the kernel has none', async () => {
    expect(await composer().composeWifiDrivers(volume, '6.1.0-none', 'arm64', signal)).toBeUndefined();
  });
});

test('the programs are in one folder, with their versions', async () => {
  const part = await composer().composeWifiPrograms('armhf', signal);
  expect(part).toMatchObject({ kind: 'wifi', architecture: 'armhf', release: null });
  const found = unpack(part.blob);
  expect(found.get('lib/wifi/wpa_supplicant')).toMatchObject({ kind: 'file', mode: 0o755 });
  expect(found.has('lib/wifi/libnl-3.so.200')).toBe(true);
  expect(Buffer.from(found.get('lib/wifi/version')?.data ?? []).toString()).toContain('wpa_supplicant=by-hand\n');
});
