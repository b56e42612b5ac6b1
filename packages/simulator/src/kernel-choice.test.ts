import { describe, expect, it } from 'vitest';
import { readConfig } from './config-txt.js';
import { createIdentity } from './identity.js';
import {
  deviceTreeNames,
  initramfsNames,
  kernelCandidates,
  overlayNames,
  startFiles,
  wantedOsPrefix,
} from './kernel-choice.js';
import { models, type ModelName } from './models.js';
import { defaultQuirks } from './settings.js';
import type { ConfigEntry } from './types.js';

const configFor = (model: ModelName, text: string): readonly ConfigEntry[] => {
  const identity = createIdentity({ model, serial: 'abcdef01' });
  return readConfig(Buffer.from(text), { identity, tryboot: false, followsIncludes: false }).entries;
};

const shown = (model: ModelName, text: string): string =>
  kernelCandidates(models[model], configFor(model, text))
    .map(({ name, arm64 }) => `${name}:${arm64 ? 64 : 32}`)
    .join(' ');

describe('kernels in the firmware order', () => {
  const table: readonly [ModelName, string, string][] = [
    ['2b', '', 'kernel8-32.img:32 kernel7.img:32 kernel8.img:64'],
    ['3b', '', 'kernel8-32.img:32 kernel7.img:32 kernel8.img:64'],
    ['3b+', 'arm_64bit=1', 'kernel8.img:64'],
    ['3b+', 'arm_64bit=0', 'kernel8-32.img:32 kernel7.img:32'],
    ['4b', '', 'kernel8.img:64 kernel7l.img:32'],
    ['400', 'arm_64bit=0', 'kernel7l.img:32'],
    ['cm4', 'arm_64bit=1', 'kernel8.img:64'],
    ['5', '', 'kernel_2712.img:64 kernel8.img:64'],
    ['500', 'arm_64bit=0', 'kernel_2712.img:64 kernel8.img:64'],
    ['cm5', 'kernel=kernel8.img', 'kernel8.img:64'],
    ['4b', 'kernel=vmlinuz', 'vmlinuz:64'],
    ['4b', 'kernel=kernel7l.img', 'kernel7l.img:32'],
    ['4b', 'kernel=vmlinuz\narm_64bit=0', 'vmlinuz:32'],
    ['3b', 'kernel=vmlinuz', 'vmlinuz:32'],
    ['3b', 'kernel=boot/kernel8.img', 'boot/kernel8.img:64'],
    ['5', 'kernel=vmlinuz\narm_64bit=0', 'vmlinuz:64'],
    ['4b', 'kernel=', 'kernel8.img:64 kernel7l.img:32'],
    ['4b', '[pi5]\nkernel=five.img\n[pi4]\nkernel=four.img', 'four.img:64'],
  ];
  it.each(table)('%s with "%s": %s', (model, text, expected) => {
    expect(shown(model, text)).toBe(expected);
  });
});

describe('initramfs', () => {
  const table: readonly [string, string, readonly string[]][] = [
    ['', 'kernel8.img', []],
    ['auto_initramfs=1', 'kernel8.img', ['initramfs8']],
    ['auto_initramfs=1', 'kernel_2712.img', ['initramfs_2712']],
    ['auto_initramfs=1', 'kernel7l.img', ['initramfs7l']],
    ['auto_initramfs=1', 'kernel7.img', ['initramfs7']],
    ['auto_initramfs=1', 'kernel.img', ['initramfs']],
    ['auto_initramfs=1', 'six/kernel8.img', ['six/initramfs8']],
    ['auto_initramfs=1', 'vmlinuz', []],
    ['auto_initramfs=0', 'kernel8.img', []],
    ['auto_initramfs=1\ninitramfs a.gz followkernel', 'kernel8.img', ['a.gz']],
    ['initramfs a.gz,b.gz,c.gz 0x00800000', 'kernel8.img', ['a.gz', 'b.gz', 'c.gz']],
    ['initramfs a.gz', 'kernel8.img', ['a.gz']],
    ['ramfsfile=a.gz,b.gz\nramfsaddr=-1', 'kernel8.img', ['a.gz', 'b.gz']],
    ['initramfs a.gz followkernel\ninitramfs b.gz followkernel', 'kernel8.img', ['b.gz']],
  ];
  it.each(table)('"%s" with %s', (text, kernel, expected) => {
    expect(initramfsNames(configFor('4b', text), kernel)).toEqual(expected);
  });
});

describe('device trees, overlays, firmware', () => {
  it.each([
    ['4b', '', ['bcm2711-rpi-4-b.dtb']],
    ['3b+', '', ['bcm2710-rpi-3-b-plus.dtb', 'bcm2710-rpi-3-b.dtb']],
    ['3b', 'upstream_kernel=1', ['bcm2837-rpi-3-b.dtb', 'bcm2710-rpi-3-b.dtb']],
    ['4b', 'device_tree=my.dtb', ['my.dtb']],
    ['4b', 'device_tree=', []],
  ] as const)('%s with "%s": %j', (model, text, expected) => {
    expect(deviceTreeNames(models[model], configFor(model, text), defaultQuirks)).toEqual(expected);
  });

  it('upstream_kernel sets os_prefix unless one is given', () => {
    expect(wantedOsPrefix(configFor('4b', 'upstream_kernel=1'))).toBe('upstream/');
    expect(wantedOsPrefix(configFor('4b', 'upstream_kernel=1\nos_prefix=x-'))).toBe('x-');
  });

  it('overlay names come without parameters', () => {
    expect(overlayNames(configFor('4b', 'dtoverlay=a,b=1\ndtoverlay=\ndtoverlay=c:d=2\n'))).toEqual(['a', 'c']);
  });

  it('a Pi 3 spells its firmware files with an underscore', () => {
    expect(startFiles(models['3b'], configFor('3b', 'start_x=1'))).toEqual({
      start: 'start_x.elf',
      fixup: 'fixup_x.dat',
    });
    expect(startFiles(models['3b'], [])).toEqual({ start: 'start.elf', fixup: 'fixup.dat' });
  });
});
