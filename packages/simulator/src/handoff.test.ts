import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../test/support/runs.js';
import { bootargsOf } from './bootargs.js';
import { joinInitramfs, qemuCommand, unpackKernel, type HandoffFiles } from './handoff.js';
import { createIdentity } from './identity.js';
import { lineSplitter } from './qemu.js';
import type { BootImage } from './types.js';

const identity = createIdentity({ model: '4b', serial: 'abcdef01' });
const image = (arm64: boolean): BootImage => ({
  identity,
  address: '10.0.0.7',
  server: '10.0.0.2',
  prefix: 'abcdef01/',
  kernel: { path: 'kernel8.img', size: 1 },
  arm64,
  initramfs: [],
  overlays: [],
  cmdline: '',
  bootargs: '',
  config: [],
  files: [],
  ms: 1,
});
const files: HandoffFiles = { kernel: '/w/kernel', initrd: '/w/initrd', dtb: '/w/board.dtb', cmdline: 'quiet' };

describe('QEMU', () => {
  it('virt: the guest gets the board’s MAC and the served command line, then ours', () => {
    const command = qemuCommand(image(true), files, { machine: 'virt', network: { kind: 'tap', interface: 'tap0' } });
    expect(command.join(' ')).toBe(
      'qemu-system-aarch64 -netdev tap,id=n0,ifname=tap0,script=no,downscript=no -M virt -cpu cortex-a53 -smp 2 -m 1024 ' +
        '-nodefaults -serial stdio -device virtio-net-device,netdev=n0,mac=dc:a6:32:cd:ef:01 -display none -monitor none -no-reboot ' +
        '-kernel /w/kernel -initrd /w/initrd -append quiet console=ttyAMA0 panic=-1',
    );
  });

  it('raspi3b: device tree, SD card and usb-net', () => {
    const command = qemuCommand(image(true), files, {
      machine: 'raspi3b',
      network: { kind: 'user' },
      drive: '/w/sd.img',
    }).join(' ');
    expect(command).toContain('-M raspi3b -serial stdio -serial null -dtb /w/board.dtb -device usb-net,netdev=n0');
    expect(command).toContain('-drive if=sd,format=raw,file=/w/sd.img');
  });

  it('a 32-bit kernel runs on the 32-bit program', () => {
    const command = qemuCommand(image(false), files, { machine: 'virt', network: { kind: 'none' } });
    expect(command[0]).toBe('qemu-system-arm');
    expect(command).toContain('-nic');
  });

  it('console lines come whole, without carriage returns', () => {
    const lines: string[] = [];
    const splitter = lineSplitter((line) => lines.push(line));
    for (const piece of ['ab', 'c\r\nd', 'é\n', 'last']) splitter.write(Buffer.from(piece));
    splitter.end();
    expect(lines).toEqual(['abc', 'dé', 'last']);
  });
});

describe('what the firmware does to the files', () => {
  it('unpacks a gzip kernel and leaves another alone', async () => {
    expect((await unpackKernel(gzipSync(Buffer.from('Image')))).toString()).toBe('Image');
    expect((await unpackKernel(Buffer.from('MZ Image'))).toString()).toBe('MZ Image');
  });

  it('each initramfs starts on a multiple of four bytes, and nothing follows the last', () => {
    check(
      'initramfs parts',
      200,
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), { minLength: 1, maxLength: 5 }), (parts) => {
        const joined = joinInitramfs(parts.map((part) => Buffer.from(part)));
        let at = 0;
        for (const part of parts) {
          at = Math.ceil(at / 4) * 4;
          expect(joined.subarray(at, at + part.length).equals(Buffer.from(part))).toBe(true);
          at += part.length;
        }
        expect(joined.length).toBe(at);
      }),
    );
  });

  it.each([
    ['3b', '', 'console=ttyS0,115200 console=tty1'],
    ['3b', 'disable-bt', 'console=ttyAMA0,115200 console=tty1'],
    ['4b', '', 'console=ttyS0,115200 console=tty1'],
    ['5', '', 'console=ttyAMA10,115200 console=tty1'],
    ['2b', '', 'console=ttyAMA0,115200 console=tty1'],
  ] as const)('serial0 on a %s with overlay "%s"', (model, overlay, expected) => {
    const config = overlay === '' ? [] : [{ key: 'dtoverlay', value: overlay }];
    const bootargs = bootargsOf(
      createIdentity({ model, serial: '00abcdef' }),
      'console=serial0,115200 console=tty1',
      config,
    );
    expect(bootargs.endsWith(expected)).toBe(true);
    expect(bootargs).toContain('smsc95xx.macaddr=');
  });
});
