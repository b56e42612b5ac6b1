import { describe, expect, it } from 'vitest';
import { planBoot, type BootPlanInput } from './plan.js';

const trees = (release: string, ...names: string[]) =>
  names.map((name) => `/usr/lib/linux-image-${release}/${name}.dtb`);
/** As Debian 12's packages have them. */
const bookworm: BootPlanInput = {
  architecture: 'arm64',
  models: null,
  kernel: {
    release: '6.1.0-56-arm64',
    path: '/boot/vmlinuz-6.1.0-56-arm64',
    trees: trees(
      '6.1.0-56-arm64/broadcom',
      ...['bcm2711-rpi-4-b', 'bcm2711-rpi-400', 'bcm2711-rpi-cm4-io', 'bcm2837-rpi-3-a-plus', 'bcm2837-rpi-3-b-plus'],
      ...['bcm2837-rpi-3-b', 'bcm2837-rpi-cm3-io3', 'bcm2837-rpi-zero-2-w'],
    ),
  },
  firmware: [
    ...['bootcode.bin', 'fixup.dat', 'fixup4.dat', 'fixup4cd.dat', 'fixup4db.dat', 'fixup4x.dat', 'fixup_cd.dat'],
    ...['fixup_db.dat', 'fixup_x.dat', 'start.elf', 'start4.elf', 'start4cd.elf', 'start4db.elf', 'start4x.elf'],
    ...['start_cd.elf', 'start_db.elf', 'start_x.elf'],
  ].map((name) => `/usr/lib/raspi-firmware/${name}`),
  ...{ title: 'base:1', config: [], parameters: '', rootPartition: '1a2b3c4d-02', initramfs: true },
};
const plan = (change: Partial<BootPlanInput> = {}) => {
  const made = planBoot({ ...bookworm, ...change });
  if (!made.ok) throw new Error(made.unfit.map(({ reason }) => reason).join('; '));
  return made;
};
const names = (change: Partial<BootPlanInput> = {}) => plan(change).copies.map(({ to }) => to);

describe('the boot partition of Debian 12', () => {
  it('starts every board its kernel knows', () => {
    expect(plan().models).toEqual(['pi02w', 'pi3', 'pi3+', 'pi4', 'pi400', 'cm4', 'virt']);
    expect(names()).toContain('bcm2837-rpi-3-b.dtb');
  });

  it('for one board has what that board needs, and nothing for another', () => {
    expect(names({ models: ['pi4'] })).toEqual([
      ...['bcm2711-rpi-4-b.dtb', 'fixup4.dat', 'fixup4cd.dat', 'fixup4db.dat', 'fixup4x.dat', 'kernel8.img'],
      ...['start4.elf', 'start4cd.elf', 'start4db.elf', 'start4x.elf'],
    ]);
    expect(names({ models: ['pi3'] })).toEqual(
      expect.arrayContaining(['bootcode.bin', 'start.elf', 'fixup.dat', 'start_x.elf', 'fixup_x.dat', 'kernel8.img']),
    );
    expect(names({ models: ['pi3'] })).not.toContain('start4.elf');
    expect(names({ models: ['virt'] })).toEqual(['kernel8.img']);
  });

  it('says why a board that is asked for cannot be started', () => {
    expect(planBoot({ ...bookworm, models: ['pi4', 'pi1', 'pi5', 'cm3', 'virt'] })).toEqual({
      ok: false,
      unfit: [
        { model: 'pi1', reason: 'it does not run kernels of arm64' },
        { model: 'pi5', reason: 'Linux 6.1.0-56-arm64 has no device tree for it' },
        { model: 'cm3', reason: 'it is not known what its firmware needs' },
      ],
    });
    const firmware = bookworm.firmware.filter((path) => !path.includes('start4'));
    expect(planBoot({ ...bookworm, firmware, models: ['pi4'] })).toMatchObject({
      unfit: [{ reason: 'the firmware package has no start4.elf' }],
    });
  });

  it('of 32 bits has a kernel under each name that is looked for', () => {
    const release = '6.1.0-56-armmp-lpae';
    const kernel = {
      ...{ release, path: `/boot/vmlinuz-${release}` },
      trees: trees(release, 'bcm2711-rpi-4-b', 'bcm2836-rpi-2-b', 'bcm2837-rpi-3-b', 'bcm2835-rpi-b'),
    };
    expect(plan({ architecture: 'armhf', kernel }).models).toEqual(['pi2', 'pi3', 'pi4', 'virt']);
    expect(names({ architecture: 'armhf', kernel })).toEqual(expect.arrayContaining(['kernel7.img', 'kernel7l.img']));
    expect(plan({ architecture: 'armhf', kernel }).config).toContain('\narm_64bit=0\n');
  });

  it('has the lines and parameters of its recipe at the end', () => {
    const { config, cmdline } = plan({ config: ['dtparam=audio=on'], parameters: 'quiet' });
    expect(config).toBe(
      [
        '# Made by Drover: base:1. Lines of the recipe are at the end.',
        ...['arm_64bit=1', 'upstream_kernel=1', 'enable_uart=1', 'initramfs initrd.img followkernel'],
        ...['[all]', 'dtparam=audio=on', ''],
      ].join('\n'),
    );
    expect(cmdline).toBe(
      'console=tty0 console=ttyS1,115200 root=PARTUUID=1a2b3c4d-02 rootfstype=ext4 fsck.repair=yes rootwait quiet\n',
    );
    expect(plan({ initramfs: false }).config).not.toContain('initramfs');
  });
});
