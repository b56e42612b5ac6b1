import { describe, expect, it } from 'vitest';
import type { BootPartition } from './boot.js';
import { judgeModels } from './models.js';
import type { BootKernel, ModelVerdict, PiModel, RootFacts } from './types.js';

const v6 = ['bcm2708-rpi-b.dtb', 'bcm2708-rpi-zero.dtb', 'bcm2708-rpi-zero-w.dtb'];
const v7 = ['bcm2709-rpi-2-b.dtb'];
const v8 = ['bcm2710-rpi-3-b.dtb', 'bcm2710-rpi-3-b-plus.dtb', 'bcm2710-rpi-zero-2-w.dtb'];
const pi4 = ['bcm2711-rpi-4-b.dtb', 'bcm2711-rpi-400.dtb', 'bcm2711-rpi-cm4.dtb'];
const pi5 = ['bcm2712-rpi-5-b.dtb', 'bcm2712-rpi-500.dtb', 'bcm2712-rpi-cm5-cm5io.dtb'];
const allTrees = [...v6, ...v7, ...v8, ...pi4, ...pi5];
const allFirmware = ['bootcode.bin', 'start.elf', 'start4.elf'];

const architectures: Record<string, 'arm' | 'arm64'> = {
  'kernel.img': 'arm',
  'kernel7.img': 'arm',
  'kernel7l.img': 'arm',
  'kernel8.img': 'arm64',
  'kernel_2712.img': 'arm64',
  vmlinuz: 'arm64',
  'current/vmlinuz': 'arm64',
};

interface Parts {
  kernels: string[];
  config?: string;
  trees?: string[];
  firmware?: string[];
}

function boot({ kernels, config = '', trees = allTrees, firmware = allFirmware }: Parts): BootPartition {
  const kernelFacts = kernels.map((file): BootKernel => {
    const architecture = architectures[file];
    return {
      file,
      size: 1,
      format: architecture === 'arm' ? 'arm-zimage' : 'arm64-image',
      gzip: false,
      modulesPresent: true,
      ...(architecture === undefined ? {} : { architecture }),
    };
  });
  const files = new Set([...kernels, ...trees, ...firmware].map((path) => path.toLowerCase()));
  const facts = { partition: 1, fat: 'fat32', label: '', files: files.size, usedBytes: 0 } as const;
  return { facts: { ...facts, kernels: kernelFacts, initramfs: [], deviceTrees: trees, firmware }, files, config };
}

function root(architecture: RootFacts['architecture'] & string, armVersion?: number): RootFacts {
  return {
    partition: 2,
    label: '',
    uuid: '',
    size: 0,
    usedBytes: 0,
    needsRecovery: false,
    architecture,
    init: 'systemd',
    moduleReleases: [],
    ...(armVersion === undefined ? {} : { armVersion }),
  };
}

const booting = (verdicts: ModelVerdict[]): string =>
  verdicts
    .filter(({ boots }) => boots)
    .map(({ model, kernel }) => `${model}:${kernel}`)
    .join(' ');
const verdictOn = (verdicts: ModelVerdict[], model: PiModel): ModelVerdict | undefined =>
  verdicts.find((verdict) => verdict.model === model);

describe('judgeModels', () => {
  it('follows a vendor image for 64 bits', () => {
    const parts = { kernels: ['kernel8.img', 'kernel_2712.img'], config: '[all]\narm_64bit=1' };
    expect(booting(judgeModels(boot(parts), root('arm64')))).toBe(
      'pi02w:kernel8.img pi2:kernel8.img pi3:kernel8.img pi3+:kernel8.img pi4:kernel8.img pi400:kernel8.img ' +
        'cm4:kernel8.img pi5:kernel_2712.img pi500:kernel_2712.img cm5:kernel_2712.img',
    );
    expect(verdictOn(judgeModels(boot(parts), root('arm64')), 'pi2')?.note).toContain('1.2');
  });

  it('follows a vendor image for 32 bits with every kernel', () => {
    const kernels = ['kernel.img', 'kernel7.img', 'kernel7l.img', 'kernel8.img', 'kernel_2712.img'];
    expect(booting(judgeModels(boot({ kernels }), root('armhf', 6)))).toBe(
      'pi0:kernel.img pi0w:kernel.img pi02w:kernel7.img pi1:kernel.img pi2:kernel7.img pi3:kernel7.img ' +
        'pi3+:kernel7.img pi4:kernel8.img pi400:kernel8.img cm4:kernel8.img pi5:kernel_2712.img ' +
        'pi500:kernel_2712.img cm5:kernel_2712.img',
    );
    const forced = judgeModels(boot({ kernels, config: 'arm_64bit=0' }), root('armhf', 6));
    expect(verdictOn(forced, 'pi4')?.kernel).toBe('kernel7l.img');
    expect(verdictOn(forced, 'pi5')?.kernel).toBe('kernel_2712.img');
  });

  it('falls back to the other kernel when nothing says which', () => {
    expect(verdictOn(judgeModels(boot({ kernels: ['kernel8.img'] }), null), 'pi3')?.kernel).toBe('kernel8.img');
    expect(verdictOn(judgeModels(boot({ kernels: ['kernel7l.img'] }), null), 'pi4')?.kernel).toBe('kernel7l.img');
  });

  it.each([
    ['pi3', { kernels: ['kernel8.img'], firmware: ['start4.elf'] }, 'bootcode.bin is not on the boot partition'],
    ['pi3', { kernels: ['kernel8.img'], firmware: ['bootcode.bin'] }, 'start.elf is not on the boot partition'],
    ['pi4', { kernels: ['kernel8.img'], firmware: ['start.elf'] }, 'start4.elf is not on the boot partition'],
    ['pi4', { kernels: ['kernel7.img'] }, 'kernel8.img or kernel7l.img is not on the boot partition'],
    ['pi5', { kernels: ['kernel7l.img'] }, 'kernel_2712.img or kernel8.img is not on the boot partition'],
    [
      'pi400',
      { kernels: ['kernel8.img'], trees: ['bcm2711-rpi-4-b.dtb'] },
      'its device tree is not on the boot partition',
    ],
    ['pi4', { kernels: ['kernel8.img'], config: 'kernel=other.img' }, 'other.img is not on the boot partition'],
  ] as [PiModel, Parts, string][])('leaves %s out for %j', (model, parts, reason) => {
    expect(verdictOn(judgeModels(boot(parts), null), model)).toEqual({ model, boots: false, reason });
  });

  it('compares the root with kernel and processor', () => {
    const old = judgeModels(boot({ kernels: ['kernel.img', 'kernel7.img'] }), root('armhf', 7));
    expect(verdictOn(old, 'pi1')?.reason).toBe("the root's programs need ARMv7, the processor is ARMv6");
    expect(verdictOn(old, 'pi3')?.boots).toBe(true);
    const wide = judgeModels(boot({ kernels: ['kernel7.img'] }), root('arm64'));
    expect(verdictOn(wide, 'pi3')?.reason).toBe("the root's programs are 64-bit, but kernel7.img runs in 32-bit mode");
    const other = judgeModels(boot({ kernels: ['kernel8.img'] }), root('other'));
    expect(verdictOn(other, 'pi3')?.reason).toBe("the root's programs are not for ARM");
  });

  it('tells a kernel that does not fit the mode, and one it does not know', () => {
    const wrong = judgeModels(boot({ kernels: ['vmlinuz'], config: 'kernel=vmlinuz\narm_64bit=0' }), null);
    expect(verdictOn(wrong, 'pi3')?.reason).toContain('vmlinuz is a kernel for arm64');
    const unknown = judgeModels(boot({ kernels: ['mine.bin'], config: 'kernel=mine.bin' }), null);
    expect(verdictOn(unknown, 'pi4')).toMatchObject({
      boots: true,
      note: 'mine.bin was not recognised as a Linux kernel',
    });
  });

  it('follows os_prefix only when kernel and device tree are below it', () => {
    const config = 'arm_64bit=1\nkernel=vmlinuz\nos_prefix=current/';
    const kernels = ['vmlinuz', 'current/vmlinuz'];
    const below = judgeModels(boot({ kernels, config, trees: ['current/bcm2711-rpi-4-b.dtb'] }), null);
    expect(verdictOn(below, 'pi4')).toMatchObject({
      kernel: 'current/vmlinuz',
      deviceTree: 'current/bcm2711-rpi-4-b.dtb',
    });
    const above = judgeModels(boot({ kernels, config, trees: ['bcm2711-rpi-4-b.dtb'] }), null);
    expect(verdictOn(above, 'pi4')).toMatchObject({ kernel: 'vmlinuz', deviceTree: 'bcm2711-rpi-4-b.dtb' });
  });

  it('takes upstream names of device trees only with upstream_kernel=1', () => {
    const trees = ['bcm2837-rpi-3-b.dtb'];
    const parts = { kernels: ['kernel8.img'], trees };
    expect(verdictOn(judgeModels(boot(parts), null), 'pi3')?.boots).toBe(false);
    const upstream = judgeModels(boot({ ...parts, config: 'upstream_kernel=1' }), null);
    expect(verdictOn(upstream, 'pi3')?.deviceTree).toBe('bcm2837-rpi-3-b.dtb');
  });
});
