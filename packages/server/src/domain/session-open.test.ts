import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FirmwareKind } from '@drover/contract';
import {
  decideOpen,
  follow,
  isKernelPath,
  reach,
  type BootPhase,
  type BootSignal,
  type BootTrack,
} from './session-open.js';

const secretMs = 600_000;
const start = 1_000_000;

const discover = (at: number, more: Partial<BootSignal & { kind: 'discover' }> = {}): BootSignal => ({
  kind: 'discover',
  at: start + at,
  xid: at,
  firmware: 'ee',
  generation: 1,
  ...more,
});
const file = (at: number, path: string, more: Partial<BootSignal & { kind: 'file' }> = {}): BootSignal => ({
  kind: 'file',
  at: start + at,
  path,
  generation: 1,
  busy: false,
  ...more,
});
const card = (at: number, nonce: string, generation: number | null = 1): BootSignal => ({
  kind: 'card',
  at: start + at,
  nonce,
  generation,
});
const kernelRead = (at: number) => ({ kind: 'reach', phase: 'kernel' as BootPhase, at: start + at }) as const;
const running = (at: number) => ({ kind: 'reach', phase: 'running' as BootPhase, at: start + at }) as const;
const up = (at: number) => ({ kind: 'reach', phase: 'ended' as BootPhase, at: start + at }) as const;

type Step = BootSignal | ReturnType<typeof kernelRead>;

/** Numbers of the boots that the steps belong to: `1 1 2` is two boots. */
function boots(steps: readonly (Step | ReturnType<typeof running> | ReturnType<typeof up>)[]): number[] {
  let track: BootTrack | null = null;
  let count = 0;
  return steps.map((step) => {
    if (step.kind === 'reach') {
      track = track && reach(track, step.phase, step.at);
      return count;
    }
    if (decideOpen(track, step, secretMs).open) {
      count += 1;
      track = {
        id: `bs_${count}`,
        openedAt: step.at,
        generation: step.generation,
        firmware: step.kind === 'discover' ? step.firmware : 'unknown',
        phase: 'dhcp',
        lastAt: step.at,
        xid: null,
      };
    }
    track = follow(track!, step);
    return count;
  });
}

describe('which boot a sign of a board belongs to', () => {
  it.each([
    [
      'the five tries of a boot ROM with its one xid',
      [0, 5, 10, 15, 20].map((s) => discover(s * 1000, { xid: 7, firmware: 'rom' })),
      [1, 1, 1, 1, 1],
    ],
    [
      'a Pi 3: ROM, bootcode.bin, its own DHCP, the rest',
      [
        discover(0, { firmware: 'rom', xid: 7 }),
        file(2000, 'bootcode.bin'),
        file(2100, 'bootsig.bin'),
        discover(4000, { firmware: 'bc', xid: 9 }),
        file(5000, 'start.elf'),
        file(6000, 'config.txt'),
        file(9000, 'config.txt'),
        kernelRead(15_000),
        file(15_500, 'initrd.img'),
      ],
      [1, 1, 1, 1, 1, 1, 1, 1, 1],
    ],
    [
      'a Pi 4 that gives up a file and starts over',
      [discover(0), file(1000, 'start4.elf'), file(2000, 'config.txt'), discover(40_000), file(41_000, 'start4.elf')],
      [1, 1, 1, 2, 2],
    ],
    [
      'rounds of DHCP without an address',
      [discover(0), discover(4000), discover(45_000), discover(50_000)],
      [1, 1, 1, 1],
    ],
    ['a card that asks until it is answered', [card(0, 'a'), card(30_000, 'a'), card(200_000, 'a')], [1, 1, 1]],
    ['a card that starts over', [card(0, 'a'), card(1000, 'b')], [1, 2]],
    ['a card that waits for an image', [card(0, 'a', null), card(15_000, 'a', null), card(30_000, 'a')], [1, 1, 2]],
    ['a card whose secret grows old', [card(0, 'a'), card(310_000, 'a')], [1, 2]],
    ['a question repeated after the boot', [card(0, 'a'), up(60_000), card(61_000, 'a')], [1, 1, 2]],
    ['a card after firmware that found nothing', [discover(0, { generation: null }), card(20_000, 'a', null)], [1, 2]],
    ['a DISCOVER after a card', [card(0, 'a'), running(2000), discover(60_000)], [1, 1, 2]],
    ['a board that was off meanwhile', [discover(0), discover(100_000)], [1, 2]],
    [
      'a repeated DISCOVER that comes late',
      [discover(0, { xid: 5 }), file(300, 'start4.elf'), discover(900, { xid: 5 })],
      [1, 1, 1],
    ],
    [
      'a secret that grows old before anything is read',
      [discover(0), ...[50, 100, 150, 200, 250, 299, 310].map((s) => discover(s * 1000))],
      [1, 1, 1, 1, 1, 1, 1, 2],
    ],
    [
      'an assignment made while the board waits',
      [discover(0, { generation: null }), discover(4000), file(5000, 'config.txt')],
      [1, 2, 2],
    ],
    [
      'an assignment made while the board asks for files in vain',
      [file(0, 'start4.elf', { generation: null }), file(200, 'config.txt', { generation: null }), discover(5000)],
      [1, 1, 2],
    ],
    [
      'an assignment made while a board with a static address asks in vain',
      [file(0, 'config.txt', { generation: null }), file(500, 'kernel8.img')],
      [1, 2],
    ],
    [
      'an assignment changed while files are read',
      [discover(0), file(1000, 'config.txt'), file(1500, 'config.txt', { generation: 2 })],
      [1, 1, 1],
    ],
    [
      'a reboot after the system was up',
      [discover(0), file(1000, 'config.txt'), kernelRead(2000), running(5000), up(20_000), discover(60_000)],
      [1, 1, 1, 1, 1, 2],
    ],
    [
      'a reboot of a system that never reported',
      [discover(0), file(1000, 'config.txt'), kernelRead(2000), discover(12_000)],
      [1, 1, 1, 2],
    ],
    [
      'a board with a static address, twice',
      [
        file(0, 'start4.elf'),
        file(500, 'config.txt'),
        kernelRead(4000),
        running(9000),
        up(30_000),
        file(90_000, 'start4.elf'),
        file(90_500, 'config.txt'),
      ],
      [1, 1, 1, 1, 1, 2, 2],
    ],
    [
      'a static board that never reported',
      [file(0, 'config.txt'), kernelRead(3000), file(20_000, 'config.txt')],
      [1, 1, 2],
    ],
    [
      'a static board that starts over in firmware',
      [file(0, 'config.txt'), file(300, 'kernel8.img'), file(40_000, 'config.txt')],
      [1, 1, 2],
    ],
    [
      'config.txt again after a long transfer',
      [file(0, 'config.txt'), file(300, 'start4.elf'), file(40_000, 'config.txt', { busy: true })],
      [1, 1, 1],
    ],
    ['config.txt again and again', [0, 1, 2, 3, 4].map((s) => file(s * 3000, 'config.txt')), [1, 1, 1, 1, 1]],
    [
      'a late duplicate request after the kernel',
      [file(0, 'config.txt'), kernelRead(3000), file(3100, 'kernel8.img'), file(4000, 'config.txt')],
      [1, 1, 1, 1],
    ],
    [
      'EDK2 starting iPXE',
      [
        discover(0, { firmware: 'edk2' }),
        file(1000, 'ipxe.efi'),
        discover(4000, { firmware: 'ipxe' }),
        file(5000, 'boot.ipxe'),
      ],
      [1, 1, 1, 1],
    ],
    [
      'iPXE after a restart of the machine',
      [discover(0, { firmware: 'ipxe' }), file(1000, 'boot.ipxe'), discover(30_000, { firmware: 'edk2' })],
      [1, 1, 2],
    ],
  ])('%s', (_name, steps, wanted) => {
    expect(boots(steps)).toEqual(wanted);
  });

  it('never leaves a board without a boot, and never goes backwards', () => {
    const anySignal = fc
      .record({
        at: fc.nat(900_000),
        xid: fc.nat(3),
        firmware: fc.constantFrom<FirmwareKind>('rom', 'bc', 'ee', 'ipxe'),
        path: fc.option(fc.constantFrom('config.txt', 'bootcode.bin', 'kernel8.img', 'start4.elf')),
      })
      .map(({ at, xid, firmware, path }) => (path === null ? discover(at, { xid, firmware }) : file(at, path)));
    fc.assert(
      fc.property(fc.array(anySignal, { minLength: 1 }), (signals) => {
        const sorted = signals.sort((a, b) => a.at - b.at);
        const numbers = boots(sorted);
        expect(numbers[0]).toBe(1);
        for (const [i, each] of numbers.slice(1).entries()) expect([0, 1]).toContain(each - numbers[i]!);
      }),
    );
  });
});

describe('kernel names', () => {
  it.each([
    'kernel8.img',
    'kernel_2712.img',
    'ab/current/kernel7l.img',
    'vmlinuz',
    'vmlinuz-6.1.0',
    'Image',
    'Image.gz',
    'zImage',
    'uImage',
  ])('%s', (path) => {
    expect(isKernelPath(path)).toBe(true);
  });
  it.each(['config.txt', 'drover.img', 'recovery8.img', 'initrd.img', 'kernel.txt', 'overlays/image.dtbo'])(
    'not %s',
    (path) => {
      expect(isKernelPath(path)).toBe(false);
    },
  );
});
